#include "core/translate/finish.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>

namespace gw::translate {

namespace {

enum class Rule {
    stop,               // tool_calls after a call
    length,
    filtered,
    unknown,            // stop; nothing to tell when nothing came
    broken,             // stop, even after a call, which may not be the last
    no_image            // stop, or content_filter when nothing came
};

struct Row {
    std::string_view name;
    Rule rule;
};

/// The first ones stand at their protobuf numbers.
constexpr Row rows[] = {
    {"FINISH_REASON_UNSPECIFIED", Rule::unknown},
    {"STOP", Rule::stop},
    {"MAX_TOKENS", Rule::length},
    {"SAFETY", Rule::filtered},
    {"RECITATION", Rule::filtered},
    {"OTHER", Rule::unknown},
    {"LANGUAGE", Rule::filtered},
    {"BLOCKLIST", Rule::filtered},
    {"PROHIBITED_CONTENT", Rule::filtered},
    {"SPII", Rule::filtered},
    {"MALFORMED_FUNCTION_CALL", Rule::broken},
    {"IMAGE_SAFETY", Rule::filtered},
    {"UNEXPECTED_TOOL_CALL", Rule::broken},
    {"TOO_MANY_TOOL_CALLS", Rule::broken},
    {"IMAGE_PROHIBITED_CONTENT", Rule::filtered},
    {"IMAGE_OTHER", Rule::no_image},
    {"NO_IMAGE", Rule::no_image},
    {"IMAGE_RECITATION", Rule::filtered},
    {"MODEL_ARMOR", Rule::filtered},
    {"CONTINUATION", Rule::length},
    {"MALFORMED_RESPONSE", Rule::broken},
    {"MISSING_THOUGHT_SIGNATURE", Rule::broken},
};

constexpr std::size_t numbered = 18;

constexpr std::string_view block_names[] = {
    "BLOCK_REASON_UNSPECIFIED", "SAFETY", "OTHER", "BLOCKLIST",
    "PROHIBITED_CONTENT", "IMAGE_SAFETY",
};

/// The number a text is, or npos.
std::size_t small_number(std::string_view text)
{
    if (text.empty() || text.size() > 2) {
        return std::string_view::npos;
    }

    std::size_t value = 0;

    for (char c : text) {
        if (c < '0' || c > '9') {
            return std::string_view::npos;
        }

        value = value * 10 + static_cast<std::size_t>(c - '0');
    }

    return value;
}

const Row *find(std::string_view name)
{
    for (const Row &row : rows) {
        if (row.name == name) {
            return &row;
        }
    }

    return nullptr;
}

}

Finish finish_of(std::string_view native, bool saw_tool_call,
    bool saw_output)
{
    const Row *row = find(native);
    std::string_view done = saw_tool_call ? "tool_calls" : "stop";
    bool output = saw_output || saw_tool_call;
    FinishKind silent = output ? FinishKind::normal : FinishKind::wordless;
    FinishKind no_use = output ? FinishKind::normal : FinishKind::retryable;

    if (row == nullptr) {
        return {done, silent};
    }

    switch (row->rule) {

    case Rule::stop:
        return {done, silent};

    case Rule::length:
        return {"length", FinishKind::normal};

    case Rule::filtered:
        return {"content_filter", FinishKind::normal};

    case Rule::unknown:
        return {done, no_use};

    case Rule::broken:
        return {"stop", no_use};

    case Rule::no_image:
        break;
    }

    return {output ? done : "content_filter", FinishKind::normal};
}

Finish finish_of(std::string_view native, const PartWalk &walk)
{
    Finish finish = finish_of(native, walk.saw_tool_call(),
        walk.saw_output());

    if (finish.reason == "tool_calls"
        && walk.rules().calls == Calls::legacy)
    {
        finish.reason = "function_call";
    }

    return finish;
}

std::string_view finish_name(std::string_view raw)
{
    if (raw.empty()) {
        return {};
    }

    std::size_t number = small_number(raw);
    const Row *row = number < numbered ? &rows[number] : find(raw);

    if (row == &rows[0]) {
        return {};
    }

    return row == nullptr ? raw : row->name;
}

std::string_view block_name(std::string_view raw)
{
    std::size_t number = small_number(raw);

    if (number < std::size(block_names)) {
        return number == 0 ? std::string_view() : block_names[number];
    }

    const auto *known = std::find(std::begin(block_names),
        std::end(block_names), raw);

    if (known == std::end(block_names)) {
        return raw;
    }

    return known == block_names ? std::string_view() : *known;
}

bool is_block(const gemini::PromptFeedback &feedback)
{
    return !block_name(feedback.block_reason.raw).empty()
           || !feedback.block_reason_message.empty();
}

void write_refusal(const gemini::PromptFeedback &feedback, Output &out)
{
    std::string_view name = block_name(feedback.block_reason.raw);
    const json::String &message = feedback.block_reason_message;
    TextJoin join;

    join.append(json::String("Prompt blocked by Gemini: "), out);
    join.append(json::String(name, true), out);

    if (!message.empty()) {
        join.append(json::String(name.empty() ? "" : " ("), out);
        join.append(message, out);
        join.append(json::String(name.empty() ? "" : ")"), out);
    }

    join.end(out);
}

Error empty_answer(std::string_view native, std::string_view message)
{
    Error error;
    error.kind = ErrorKind::upstream_failed;

    const Row *row = find(native);

    if (row == nullptr || row->rule == Rule::stop) {
        error.message = "The model returned an empty answer.";
        error.code = "empty_response";

    } else {
        error.message = "The model returned no answer: ";
        error.message += native;

        for (char c : native) {
            error.code += c >= 'A' && c <= 'Z'
                ? static_cast<char>(c - 'A' + 'a') : c;
        }
    }

    if (!message.empty()) {
        error.message += ": ";
        error.message += scrub(message);
    }

    return error;
}

}
