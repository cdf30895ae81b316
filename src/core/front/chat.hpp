// The chat front: POST /v1/chat/completions.
#pragma once

#include "core/front/front.hpp"
#include "core/openai/chat_request.hpp"
#include "core/translate/names.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::front {

class Chat : public Front {
public:
    Chat(const Setting &setting, std::pmr::memory_resource *memory,
        std::string_view id_prefix = "chatcmpl-");

    Result<void> read(std::string_view body) override;
    std::string_view requested_model() const override { return model_; }
    bool streams() const override { return streams_; }
    Result<void> write_body(std::string_view model, gemini::Api api,
        Output &out) override;
    std::vector<std::string_view> resources() const override;
    bool keeps_model() const override;
    gemini::Apis apis() const override;
    bool distrust_signatures() override;
    void write_path(std::string_view model, const gemini::Place &place,
        Output &out) const override;
    void serve_as(std::string_view model) override { served_ = model; }
    std::string_view upstream_method() const override { return "POST"; }
    std::int64_t estimated_tokens() const override { return tokens_; }
    Whole whole(std::string_view body, bool last_try, Output &out) override;
    translate::StreamState feed(std::string_view bytes,
        Output &out) override;
    translate::StreamState finish(translate::StreamEnd end,
        Output &out) override;
    bool accept_empty(Output &out) override;
    void write_error_event(const Error &error, Output &out) const override;
    void start_over() override;
    bool empty() const override;
    const gemini::UpstreamError *upstream_error() const override;
    const Error &error() const override;
    const translate::Outcome &outcome() const override;

protected:
    /// The request has been read.
    void take(const openai::ChatRequest &request);

    virtual translate::ReplyOptions reply_options();

    Arena &arena() { return arena_; }
    openai::ChatRequest &request() { return request_; }

private:
    /// Between the store, which takes bytes, and JSON's strings.
    class KeptSignatures final : public translate::SignatureSource,
                                 public translate::SignatureSink {
    public:
        KeptSignatures(Signatures *store, std::pmr::memory_resource *memory)
            : store_(store), memory_(memory)
        {
        }

        std::string_view find(std::string_view call_id) override;
        void keep(std::string_view call_id,
            const json::String &signature) override;

    private:
        Signatures *store_;
        std::pmr::memory_resource *memory_;
        std::string found_;
    };

    Setting setting_;
    std::pmr::memory_resource *memory_;
    Arena arena_;
    openai::ChatRequest request_;
    translate::NameMap names_;
    KeptSignatures signatures_;
    std::vector<std::string> kept_; // names of what upstream keeps
    std::string_view model_;
    std::string_view served_;       // not empty: instead of model_
    std::string_view id_;
    bool streams_ = false;
    bool distrusts_ = false;
    std::int64_t tokens_ = 0;
    std::optional<translate::ChatStream> stream_;
    translate::Reply reply_;
};

}
