// What stands around the conversation: sampling, formats, safety.
#include "core/translate/request.hpp"

#include "core/base/text.hpp"
#include "core/gemini/family.hpp"
#include "core/json/writer.hpp"
#include "core/translate/messages.hpp"
#include "core/translate/names.hpp"
#include "core/translate/schema.hpp"
#include "core/translate/speech.hpp"
#include "core/translate/thinking.hpp"
#include "core/translate/tools.hpp"

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
    const NameMap &names;
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

Result<void> set_schema(Context &context, const json::Raw &schema,
    std::string_view param)
{
    if (schema.type != json::Type::object) {
        return bad_request(param, "Invalid type for '" + std::string(param)
            + "': expected an object.", "invalid_type");
    }

    if (schema.text.size() > max_schema) {
        return bad_request(param, "The schema is longer than "
            + std::to_string(max_schema) + " bytes.");
    }

    GenerationConfig &out = context.out.generation;

    if (context.family.json_schema) {
        out.response_json_schema = response_schema(schema,
            SchemaDialect::json_schema, context.arena);
    } else {
        out.response_schema = response_schema(schema,
            SchemaDialect::openapi, context.arena);
    }

    return {};
}

/// google.generation_config, in Gemini's own words.
Result<void> set_googles_format(Context &context)
{
    constexpr std::string_view types[] = {
        "application/json", "text/x.enum", "text/plain"
    };

    const openai::Google &google = context.request.google;
    bool with_schema = google.response_schema.present();
    std::string_view type = with_schema ? types[0] : types[2];

    if (!google.response_mime_type.empty()) {
        std::string_view given = google.response_mime_type.decode(
            context.arena);
        type = {};

        for (std::string_view known : types) {
            if (iequals(known, given)) {
                type = known;
            }
        }
    }

    if (type.empty()) {
        return bad_request("google.generation_config.response_mime_type",
            "Invalid value: the type must be 'application/json', "
            "'text/x.enum' or 'text/plain'.");
    }

    if (type == types[2]) {
        return {};
    }

    context.out.generation.response_mime_type = type;

    return !with_schema ? Result<void>()
        : set_schema(context, google.response_schema,
            "google.generation_config.response_schema");
}

Result<void> set_format(Context &context)
{
    const openai::Google &google = context.request.google;

    if (google.response_schema.present()
        || !google.response_mime_type.empty())
    {
        return set_googles_format(context);
    }

    if (!context.request.response_format) {
        return {};
    }

    const openai::ResponseFormat &format = *context.request.response_format;

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

    context.out.generation.response_mime_type = "application/json";

    return !with_schema || !format.schema.present() ? Result<void>()
        : set_schema(context, format.schema,
            "response_format.json_schema.schema");
}

/// A word of a list, in letters of any case; upstream spells them upper case.
struct Word {
    std::string_view word;
    std::string_view upstream;
};

template <std::size_t N>
std::string_view find_word(const Word (&words)[N], const json::String &given,
    Arena &arena)
{
    std::string_view plain = given.decode(arena);

    for (const Word &known : words) {
        if (iequals(known.word, plain) || iequals(known.upstream, plain)) {
            return known.upstream;
        }
    }

    return {};
}

Result<void> set_modalities(Context &context)
{
    constexpr Word words[] = {
        {"text", "TEXT"},
        {"image", "IMAGE"},
        {"audio", "AUDIO"}
    };

    GenerationConfig &out = context.out.generation;
    bool only_text = true;

    for (const json::String &modality : context.request.modalities) {
        std::string_view gemini = find_word(words, modality, context.arena);

        if (gemini.empty()) {
            return bad_request("modalities", "Invalid value: 'modalities' "
                "may hold 'text', 'image' and 'audio'.");
        }

        only_text = only_text && gemini == words[0].upstream;
        out.response_modalities.push(context.arena, gemini);
    }

    if (only_text) {
        out.response_modalities.clear();
    }

    return {};
}

/// What has no counterpart at OpenAI.
Result<void> set_media(Context &context)
{
    constexpr Word words[] = {
        {"low", "MEDIA_RESOLUTION_LOW"},
        {"medium", "MEDIA_RESOLUTION_MEDIUM"},
        {"high", "MEDIA_RESOLUTION_HIGH"}
    };

    const openai::Google &google = context.request.google;
    GenerationConfig &out = context.out.generation;

    struct {
        const json::Raw &given;
        std::string_view name;
    } objects[] = {
        {google.speech_config, "google.speech_config"},
        {google.image_config, "google.image_config"}
    };

    for (const auto &object : objects) {
        if (object.given.present()
            && object.given.type != json::Type::object)
        {
            return bad_request(object.name, "Invalid type for '"
                + std::string(object.name) + "': expected an object.",
                "invalid_type");
        }
    }

    out.speech_config = google.speech_config;
    out.image_config = google.image_config;

    if (!out.image_config.present() && !google.aspect_ratio.empty()) {
        StringOutput text;
        json::Writer writer(text);

        writer.begin_object();
        writer.key("aspectRatio").text(google.aspect_ratio);
        writer.end_object();

        out.image_config = json::Raw{context.arena.copy(text.view()),
            json::Type::object};
    }

    if (!google.media_resolution.empty()) {
        out.media_resolution = find_word(words, google.media_resolution,
            context.arena);

        if (out.media_resolution.empty()) {
            return bad_request("google.media_resolution", "Invalid value: "
                "'google.media_resolution' must be 'low', 'medium' or "
                "'high'.");
        }
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

void skip_signatures(List<gemini::Content> &contents)
{
    for (gemini::Content &content : contents) {
        for (gemini::Part &part : content.parts) {
            if (!part.thought_signature.empty()) {
                part.thought_signature = json::String(skip_signature);
            }
        }
    }
}

Result<void> set_voice(Context &context)
{
    return set_speech(context.request, context.arena,
        context.out.generation);
}

Result<void> set_conversation(Context &context)
{
    const ConversationRules rules{context.family, context.names,
        context.options.signatures, context.options.api};

    auto set = set_contents(context.request, rules, context.arena,
        context.out);

    if (set && context.options.distrust_signatures) {
        skip_signatures(context.out.contents);
    }

    return set;
}

Result<void> set_thought(Context &context)
{
    return set_thinking(context.request, context.family, context.arena,
        context.out.generation.thinking);
}

Result<void> set_functions(Context &context)
{
    return set_tools(context.request, context.family, context.names,
        context.arena, context.out);
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
    const NameMap names(request, arena);
    Context context{request, options, gemini::family_of(options.model),
        names, arena, out};

    // Tools come after the format: they may exclude each other.
    for (auto step : {set_conversation, set_candidates, set_format,
             set_functions, set_modalities, set_media, set_voice, set_thought,
             set_safety})
    {
        auto done = step(context);

        if (!done) {
            return done;
        }
    }

    set_sampling(context);
    set_max_tokens(context);
    out.service_tier = service_tier(request.service_tier);

    // A cache brings its own system text and tools, and upstream refuses
    // others.
    if (!request.google.cached_content.empty()) {
        out.cached_content = request.google.cached_content;
        out.system_instruction.clear();
        out.tools = {};
        out.function_calling = {};
        out.server_side_tool_invocations = false;
    }

    return {};
}

}
