// The embeddings front: POST /v1/embeddings, as many upstream calls one after
// the other as the inputs take.
#pragma once

#include "core/front/front.hpp"
#include "core/gemini/embed_request.hpp"
#include "core/openai/embeddings.hpp"

#include <optional>
#include <string>

namespace gw::front {

class Embeddings final : public Front {
public:
    explicit Embeddings(std::pmr::memory_resource *memory);

    Result<void> read(std::string_view body) override;
    std::string_view requested_model() const override { return model_; }
    bool streams() const override { return false; }
    Result<void> write_body(std::string_view model, gemini::Api api,
        Output &out) override;
    void write_path(std::string_view model, const gemini::Place &place,
        Output &out) const override;
    bool keeps_model() const override { return true; }
    std::string_view upstream_method() const override { return "POST"; }
    std::int64_t estimated_tokens() const override { return tokens_; }
    std::optional<std::int64_t> counted_tokens() const override
    {
        return counted_;
    }
    Whole whole(std::string_view body, bool last_try, Output &out) override;
    void write_error_event(const Error &, Output &) const override {}
    void start_over() override;
    const gemini::UpstreamError *upstream_error() const override
    {
        return upstream_error_ ? &*upstream_error_ : nullptr;
    }
    const Error &error() const override { return error_; }
    void explain(const gemini::UpstreamError &upstream_error,
        Error &shown) const override;
    const translate::Outcome &outcome() const override { return outcome_; }

private:
    Whole fail(std::string message);
    std::pmr::memory_resource *memory_;
    Arena arena_;
    openai::EmbeddingsRequest request_;
    const json::String *inputs_ = nullptr;
    std::size_t done_ = 0;          // inputs answered
    std::size_t part_ = 0;          // inputs of the call at hand
    std::string_view model_;
    std::string_view task_type_;
    std::optional<std::int64_t> dimensions_;
    std::size_t unit_from_ = 0;
    std::int64_t tokens_ = 0;
    std::optional<std::int64_t> counted_;
    std::optional<gemini::UpstreamError> upstream_error_;
    Error error_;
    translate::Outcome outcome_;
};

}
