#include "core/openai/completion_request.hpp"

#include "core/openai/chat_fields.hpp"

#include <string>
#include <type_traits>
#include <utility>

namespace gw::openai {

namespace {

using namespace fields;

// The shape of a chat request fills the first member.
static_assert(std::is_standard_layout_v<CompletionRequest>);

constexpr std::int64_t most_logprobs = 5;

void refuse_tokens(Reader &reader)
{
    reader.fail_at("prompt", "Invalid type for 'prompt': expected a string or "
        "an array of strings. Tokens are not accepted, since Gemini has "
        "others than OpenAI.", "invalid_type");
}

constexpr Field prompt_element = [] {
    Field field;
    field.expected = "a string";
    field.takes_string = true;
    field.takes_number = true;
    field.scalar = [](Reader &reader, void *target, const Scalar &value) {
        auto &prompts = *static_cast<List<json::String> *>(target);

        if (value.type == Type::number) {
            refuse_tokens(reader);

        } else if (prompts.size() == max_prompts) {
            refuse_more(reader, "prompt", max_prompts, "prompts");

        } else {
            prompts.push(reader.arena(), value.string);
        }
    };
    field.open_array = [](Reader &reader, void *) -> Frame {
        refuse_tokens(reader);
        return {};
    };
    return field;
}();
constexpr Shape prompts_shape = Shape::array_of(prompt_element);

constexpr Field prompt_field = [] {
    Field field;
    field.name = "prompt";
    field.expected = "a string or an array of strings";
    field.takes_string = true;
    field.scalar = [](Reader &reader, void *target, const Scalar &value) {
        auto &request = *static_cast<CompletionRequest *>(target);
        request.has_prompt = true;
        request.prompts.clear();
        request.prompts.push(reader.arena(), value.string);
    };
    field.open_array = [](Reader &reader, void *target) -> Frame {
        auto &request = *static_cast<CompletionRequest *>(target);

        if (request.has_prompt) {
            refuse_twice(reader);
        }

        request.has_prompt = true;
        return {&prompts_shape, &request.prompts};
    };
    return field;
}();

constexpr Field completion_fields[] = {
    prompt_field,
    json::string<&CompletionRequest::suffix>("suffix"),
    json::boolean<&CompletionRequest::echo>("echo"),
    json::integer<&CompletionRequest::best_of>("best_of"),
    json::integer<&CompletionRequest::logprobs>("logprobs")
};
constexpr Shape completion_shape{completion_fields, common_shape};

Error refused(std::string_view param, std::string message,
    const char *code = "invalid_value")
{
    return Error{ErrorKind::bad_request, std::move(message),
        std::string(param), code, 0};
}

Result<void> check_prompts(const CompletionRequest &request)
{
    if (!request.has_prompt) {
        return refused("prompt", "Missing required parameter: 'prompt'.",
            "missing_required_parameter");
    }

    if (request.prompts.empty()) {
        return refused("prompt", "Invalid 'prompt': expected at least one "
            "prompt, but got an empty array.");
    }

    if (request.chat.stream.value_or(false) && request.prompts.size() > 1) {
        return refused("prompt", "Invalid 'prompt': only one prompt can be "
            "streamed, send several without 'stream'.");
    }

    return {};
}

Result<void> check_rest(const CompletionRequest &request)
{
    if (!request.suffix.empty()) {
        return refused("suffix", "'suffix' is not supported: Gemini does not "
            "fill in between two texts.", "unsupported_parameter");
    }

    if (request.best_of
        && *request.best_of != request.chat.n.value_or(1))
    {
        return refused("best_of", "Invalid 'best_of': it must be equal to "
            "'n', since Gemini does not rank its answers.");
    }

    if (request.logprobs
        && (*request.logprobs < 0 || *request.logprobs > most_logprobs))
    {
        return refused("logprobs",
            "Invalid 'logprobs': expected an integer from 0 to 5.");
    }

    return {};
}

bool speaks_of_thinking(const ChatRequest &request)
{
    const ThinkingConfig &config = request.google.thinking_config;
    const Reasoning &reasoning = request.reasoning;

    return config.budget || !config.level.empty()
           || !request.reasoning_effort.empty() || !reasoning.effort.empty()
           || reasoning.max_tokens || reasoning.enabled
           || !request.thinking.type.empty()
           || request.thinking.budget_tokens;
}

}

Result<void> parse(std::string_view text, Arena &arena,
    CompletionRequest &request)
{
    auto done = json::read(text, completion_shape, request, arena);

    if (done) {
        done = check_model(request.chat);
    }

    if (done) {
        done = check_prompts(request);
    }

    if (done) {
        done = settle_common(request.chat);
    }

    if (done) {
        done = check_rest(request);
    }

    if (!done) {
        return done;
    }

    if (request.logprobs) {
        request.chat.logprobs = true;
        request.chat.top_logprobs = request.logprobs;
    }

    if (!speaks_of_thinking(request.chat)) {
        request.chat.reasoning_effort = json::String("none");
    }

    return {};
}

}
