// The models front: GET /v1/models and /v1/models/ID, page after page.
#pragma once

#include "core/front/front.hpp"
#include "core/openai/models.hpp"

#include <string>
#include <string_view>

namespace gw::front {

/// An operator's alias (gemini_model), as far as it is a plain name.
struct Alias {
    std::string_view name;
    std::string_view target;
};

class Models final : public Front {
public:
    /// More pages than this are not asked for.
    static constexpr int max_pages = 16;

    /// wanted: the id of one model, or empty for the list. api: whose list is
    /// asked for. Views outlive the front.
    Models(std::string_view wanted, gemini::Api api, const Alias *aliases,
        std::size_t alias_count);

    /// Writes the answer from a list kept by keep(). false: there is no such
    /// model (error() says so), or the list cannot be read.
    bool answer_from(std::string_view kept, Output &out);

    /// Whether the last page has come, also when the wanted model was not in
    /// any.
    bool complete() const { return complete_; }

    /// Everything upstream said, for answer_from; once complete.
    std::string_view keep() const { return kept_; }

    Result<void> read(std::string_view) override { return {}; }
    std::string_view requested_model() const override { return {}; }
    bool streams() const override { return false; }
    gemini::Apis apis() const override { return gemini::only(api_); }
    Result<void> write_body(std::string_view, gemini::Api, Output &)
        override
    {
        return {};
    }
    void write_path(std::string_view model, const gemini::Place &place,
        Output &out) const override;
    std::string_view upstream_method() const override { return "GET"; }
    Whole whole(std::string_view body, bool last_try, Output &out) override;
    void write_error_event(const Error &, Output &) const override {}
    const Error &error() const override { return error_; }
    const translate::Outcome &outcome() const override { return outcome_; }

private:
    bool write(openai::ModelList &list, Output &out);

    std::string_view wanted_;
    gemini::Api api_;
    const Alias *aliases_;
    std::size_t alias_count_;
    openai::ModelList list_;
    int pages_ = 0;
    bool complete_ = false;
    std::string next_page_;
    std::string kept_;
    Error error_;
    translate::Outcome outcome_;
};

}
