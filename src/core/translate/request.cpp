// What stands around the conversation: sampling, formats, safety.
#include "core/translate/request.hpp"

#include "core/base/text.hpp"
#include "core/gemini/family.hpp"
#include "core/translate/messages.hpp"
#include "core/translate/thinking.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace gw::translate {

namespace {

using gemini::Family;
using gemini::GenerationConfig;
using openai::ChatRequest;

/// What every step looks at.
struct Context {
    const ChatRequest &request;
    const RequestOptions &options;
    const Family &family;
    Arena &arena;
    gemini::GenerateRequest &out;
};

Error bad_request(std::string_view param, std::string message,
    const char *code = "invalid_value")
{
    return Error{ErrorKind::bad_request, std::move(message),
        std::string(param), code, 0};
}

/// Upstream's seed has 32 bits, OpenAI's 64, and clients send any: the same
/// seed must give the same answer, nothing else is promised of it.
std::int64_t fold_seed(const json::Number &seed)
{
    constexpr std::int64_t mask = INT32_MAX;

    auto number = seed.integer();

    if (!number) {
        return static_cast<std::int64_t>(
            hash64(seed.text) & static_cast<std::uint64_t>(mask));
    }

    return *number >= INT32_MIN && *number <= INT32_MAX
        ? *number : *number & mask;
}

/// Upstream's range excludes the 2 that OpenAI's includes.
std::optional<json::Number> penalty(const std::optional<json::Number> &given,
    const Family &family)
{
    if (!given || !family.penalties || given->real() == 0) {
        return std::nullopt;
    }

    return given->real() < 2 ? *given : json::Number{"1.99"};
}

void set_sampling(Context &context)
{
    const ChatRequest &request = context.request;
    const Family &family = context.family;
    GenerationConfig &out = context.out.generation;

    if (family.sampling) {
        out.temperature = request.temperature;
        out.top_p = request.top_p;

        // 0 and -1 are how other engines switch it off.
        if (request.top_k && *request.top_k > 0) {
            out.top_k = *request.top_k < INT32_MAX
                ? *request.top_k : INT32_MAX;
        }
    }

    out.presence_penalty = penalty(request.presence_penalty, family);
    out.frequency_penalty = penalty(request.frequency_penalty, family);

    if (request.seed) {
        out.seed = fold_seed(*request.seed);
    }

    // Upstream refuses empty ones, and an empty list.
    for (const json::String &stop : request.stop) {
        if (!stop.empty()) {
            out.stop_sequences.push(context.arena, stop);
        }
    }

    if (request.logprobs.value_or(false)) {
        out.response_logprobs = true;

        if (request.top_logprobs.value_or(0) > 0) {
            out.logprobs = request.top_logprobs;
        }
    }
}

/// Clients send the most their usual model can write, and upstream refuses
/// more than its own.
void set_max_tokens(Context &context)
{
    const ChatRequest &request = context.request;
    const Family &family = context.family;

    auto wanted = request.max_completion_tokens
        ? request.max_completion_tokens : request.max_tokens;

    if (!wanted) {
        return;
    }

    std::int64_t most = request.stream.value_or(false)
        ? family.output_tokens : family.unary_output_tokens;

    context.out.generation.max_output_tokens =
        *wanted < most ? *wanted : most;
}

Result<void> set_candidates(Context &context)
{
    if (context.request.n.value_or(1) == 1) {
        return {};
    }

    if (!context.family.candidates) {
        return bad_request("n", "This model gives one choice per request: "
            "'n' must be 1.");
    }

    context.out.generation.candidate_count = context.request.n;
    return {};
}

Result<void> set_format(Context &context)
{
    if (!context.request.response_format) {
        return {};
    }

    const openai::ResponseFormat &format = *context.request.response_format;
    GenerationConfig &out = context.out.generation;

    if (format.type.empty()) {
        return bad_request("response_format.type",
            "Missing required parameter: 'response_format.type'.",
            "missing_required_parameter");
    }

    if (format.type.is("text")) {
        return {};
    }

    bool with_schema = format.type.is("json_schema");

    if (!with_schema && !format.type.is("json_object")) {
        return bad_request("response_format.type", "Invalid value: "
            "'response_format.type' must be one of 'text', 'json_object' and "
            "'json_schema'.");
    }

    out.response_mime_type = "application/json";

    if (!with_schema || !format.schema.present()) {
        return {};
    }

    if (format.schema.type != json::Type::object) {
        return bad_request("response_format.json_schema.schema",
            "Invalid type for 'response_format.json_schema.schema': expected "
            "an object.", "invalid_type");
    }

    if (context.family.json_schema) {
        out.response_json_schema = format.schema;
    }

    return {};
}

Result<void> set_modalities(Context &context)
{
    struct Name {
        std::string_view openai;
        std::string_view gemini;
    };

    constexpr Name names[] = {
        {"text", "TEXT"},
        {"image", "IMAGE"},
        {"audio", "AUDIO"}
    };

    GenerationConfig &out = context.out.generation;
    bool only_text = true;

    for (const json::String &modality : context.request.modalities) {
        std::string_view gemini;

        for (const Name &name : names) {
            if (modality.is(name.openai)) {
                gemini = name.gemini;
            }
        }

        if (gemini.empty()) {
            return bad_request("modalities", "Invalid value: 'modalities' "
                "may hold 'text', 'image' and 'audio'.");
        }

        only_text = only_text && gemini == names[0].gemini;
        out.response_modalities.push(context.arena, gemini);
    }

    if (only_text) {
        out.response_modalities.clear();
    }

    return {};
}

Result<void> set_safety(Context &context)
{
    const json::Raw &given = context.request.google.safety_settings;
    const RequestOptions &options = context.options;

    if (given.present()) {
        if (given.type != json::Type::array) {
            return bad_request("google.safety_settings", "Invalid type for "
                "'google.safety_settings': expected an array.",
                "invalid_type");
        }

        context.out.raw_safety = given;
        return {};
    }

    for (std::size_t i = 0; i < options.safety_count; ++i) {
        context.out.safety.push(context.arena, options.safety[i]);
    }

    return {};
}

Result<void> set_conversation(Context &context)
{
    return set_contents(context.request, context.family, context.arena,
        context.out);
}

Result<void> set_thought(Context &context)
{
    return set_thinking(context.request, context.family, context.arena,
        context.out.generation.thinking);
}

Result<void> refuse_functions(Context &context)
{
    const ChatRequest &request = context.request;

    if (request.tools.empty() && request.functions.empty()) {
        return {};
    }

    return bad_request(request.tools.empty() ? "functions" : "tools",
        "Tools are not supported here.", "unsupported_parameter");
}

/// web_search_options. Older families refuse a search beside a JSON answer,
/// and the answer's form is what a client cannot do without.
void set_search(Context &context)
{
    bool has_format = !context.out.generation.response_mime_type.empty();

    if (!context.request.web_search
        || (has_format && !context.family.tools_with_json))
    {
        return;
    }

    context.out.tools.others.push(context.arena,
        json::Raw{"{\"googleSearch\":{}}", json::Type::object});
}

/// Words upstream does not know mean what no word means.
std::string_view service_tier(const json::String &given)
{
    if (given.is("flex")) {
        return "flex";
    }

    return given.is("priority") || given.is("fast")
        ? std::string_view("priority") : std::string_view();
}

}

Result<void> to_generate_request(const ChatRequest &request,
    const RequestOptions &options, Arena &arena, gemini::GenerateRequest &out)
{
    Context context{request, options, gemini::family_of(options.model), arena,
        out};

    for (auto step : {refuse_functions, set_conversation, set_candidates,
             set_format, set_modalities, set_thought, set_safety})
    {
        auto done = step(context);

        if (!done) {
            return done;
        }
    }

    set_sampling(context);
    set_max_tokens(context);
    set_search(context);
    out.service_tier = service_tier(request.service_tier);

    // A cache brings its own system text and tools, and upstream refuses
    // others.
    if (!request.google.cached_content.empty()) {
        out.cached_content = request.google.cached_content;
        out.system_instruction.clear();
        out.tools = {};
    }

    return {};
}

}
