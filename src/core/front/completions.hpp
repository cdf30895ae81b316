// The text completion front: POST /v1/completions. A prompt is a conversation
// of one turn, so all but the two ends is chat's.
#pragma once

#include "core/front/chat.hpp"
#include "core/openai/completion_request.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace gw::front {

/// Several prompts are asked one after the other, and answered as one.
class Completions final : public Chat {
public:
    Completions(const Setting &setting, std::pmr::memory_resource *memory);

    Result<void> read(std::string_view body) override;
    Whole whole(std::string_view body, bool last_try, Output &out) override;
    const Error &error() const override;
    const translate::Outcome &outcome() const override;
    std::optional<std::int64_t> counted_tokens() const override;

protected:
    translate::ReplyOptions reply_options() override;

private:
    using Cursor = decltype(std::declval<List<json::String> &>().begin());

    void ask();

    openai::CompletionRequest asked_;
    Cursor prompt_{nullptr};            // the one being asked
    std::size_t answered_ = 0;          // prompts
    StringOutput answer_;               // to them
    std::size_t max_answer_;
    std::optional<Error> too_large_;
    translate::Outcome spent_;          // by them
    std::int64_t before_ = 0;           // prompt tokens before the last one
};

}
