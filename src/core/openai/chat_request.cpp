// The members of a chat request, and what must hold whichever model it is for.
#include "core/openai/chat_request.hpp"

#include "core/openai/chat_fields.hpp"

#include <string>
#include <utility>

namespace gw::openai {

namespace {

using namespace fields;

constexpr Field messages_field = [] {
    Field field;
    field.name = "messages";
    field.expected = "an array";
    field.open_array = [](Reader &reader, void *target) -> Frame {
        auto &request = *static_cast<ChatRequest *>(target);

        if (request.has_messages) {
            refuse_twice(reader);
        }

        request.has_messages = true;
        return {&messages_shape, &request.messages};
    };
    return field;
}();

template <auto Member, const Shape &S>
constexpr Field tool_list(std::string_view name)
{
    Field field;
    field.name = name;
    field.expected = "an array";
    field.open_array = [](Reader &reader, void *object) -> Frame {
        auto &tools = json::member<Member>(object);

        if (!tools.empty()) {
            refuse_twice(reader);
        }

        return {&S, &tools};
    };
    return field;
}

constexpr Field stream_options_fields[] = {
    json::boolean<&StreamOptions::include_usage>("include_usage")
};
constexpr Shape stream_options_shape{stream_options_fields};

constexpr Field json_schema_fields[] = {
    json::raw<&ResponseFormat::schema>("schema")
};
constexpr Shape json_schema_shape{json_schema_fields};

constexpr Field response_format_fields[] = {
    json::string<&ResponseFormat::type>("type"),
    nested<json_schema_shape>("json_schema")
};
constexpr Shape response_format_shape{response_format_fields};

constexpr Field spoken_answer_fields[] = {
    json::string<&SpokenAnswer::voice>("voice"),
    json::string<&SpokenAnswer::format>("format")
};
constexpr Shape spoken_answer_shape{spoken_answer_fields};

constexpr Field effort_fields[] = {
    json::string<&ChatRequest::reasoning_effort>("effort")
};
constexpr Shape effort_shape{effort_fields};

constexpr Field reasoning_fields[] = {
    json::string<&Reasoning::effort>("effort"),
    json::integer<&Reasoning::max_tokens>("max_tokens"),
    json::boolean<&Reasoning::exclude>("exclude"),
    json::boolean<&Reasoning::enabled>("enabled")
};
constexpr Shape reasoning_shape{reasoning_fields};

constexpr Field thinking_fields[] = {
    json::string<&Thinking::type>("type"),
    json::integer<&Thinking::budget_tokens>("budget_tokens")
};
constexpr Shape thinking_shape{thinking_fields};

constexpr Field thinking_config_fields[] = {
    json::integer<&ThinkingConfig::budget>("thinking_budget"),
    json::integer<&ThinkingConfig::budget>("thinkingBudget"),
    json::string<&ThinkingConfig::level>("thinking_level"),
    json::string<&ThinkingConfig::level>("thinkingLevel"),
    json::boolean<&ThinkingConfig::include_thoughts>("include_thoughts"),
    json::boolean<&ThinkingConfig::include_thoughts>("includeThoughts")
};
constexpr Shape thinking_config_shape{thinking_config_fields};

// google.generation_config, both spellings of its members' names.
constexpr Field generation_fields[] = {
    json::number<&Google::temperature>("temperature"),
    json::number<&Google::top_p>("topP"),
    json::number<&Google::top_p>("top_p"),
    json::integer<&Google::top_k>("topK"),
    json::integer<&Google::top_k>("top_k"),
    json::integer<&Google::candidate_count>("candidateCount"),
    json::integer<&Google::candidate_count>("candidate_count"),
    json::integer<&Google::max_output_tokens>("maxOutputTokens"),
    json::integer<&Google::max_output_tokens>(
        "max_output_tokens"),
    bounded_strings<&Google::stop_sequences, max_stop>(
        "stopSequences"),
    bounded_strings<&Google::stop_sequences, max_stop>(
        "stop_sequences"),
    json::number<&Google::seed>("seed"),
    json::number<&Google::presence_penalty>("presencePenalty"),
    json::number<&Google::presence_penalty>("presence_penalty"),
    json::number<&Google::frequency_penalty>("frequencyPenalty"),
    json::number<&Google::frequency_penalty>("frequency_penalty"),
    json::boolean<&Google::response_logprobs>("responseLogprobs"),
    json::boolean<&Google::response_logprobs>("response_logprobs"),
    json::integer<&Google::logprobs>("logprobs"),
    json::string<&Google::response_mime_type>("responseMimeType"),
    json::string<&Google::response_mime_type>(
        "response_mime_type"),
    json::raw<&Google::response_schema>("responseSchema"),
    json::raw<&Google::response_schema>("response_schema"),
    json::raw<&Google::response_schema>("responseJsonSchema"),
    json::raw<&Google::response_schema>("response_json_schema"),
    json::object<&Google::thinking_config, thinking_config_shape>(
        "thinkingConfig"),
    json::object<&Google::thinking_config, thinking_config_shape>(
        "thinking_config"),
    bounded_strings<&Google::response_modalities, max_modalities>(
        "responseModalities"),
    bounded_strings<&Google::response_modalities, max_modalities>(
        "response_modalities"),
    json::raw<&Google::speech_config>("speechConfig"),
    json::raw<&Google::speech_config>("speech_config"),
    json::raw<&Google::image_config>("imageConfig"),
    json::raw<&Google::image_config>("image_config"),
    json::string<&Google::media_resolution>("mediaResolution"),
    json::string<&Google::media_resolution>("media_resolution")
};
constexpr Shape generation_shape{generation_fields};

constexpr Field google_fields[] = {
    json::object<&Google::thinking_config, thinking_config_shape>(
        "thinking_config"),
    json::object<&Google::thinking_config, thinking_config_shape>(
        "thinkingConfig"),
    json::raw<&Google::safety_settings>("safety_settings"),
    json::raw<&Google::safety_settings>("safetySettings"),
    json::string<&Google::cached_content>("cached_content"),
    json::string<&Google::cached_content>("cachedContent"),
    tool_list<&Google::tools, tools_shape>("tools"),
    nested<generation_shape>("generation_config"),
    nested<generation_shape>("generationConfig"),
    json::raw<&Google::image_config>("image_config"),
    json::raw<&Google::image_config>("imageConfig"),
    json::string<&Google::aspect_ratio>("aspect_ratio"),
    json::string<&Google::aspect_ratio>("aspectRatio"),
    json::raw<&Google::speech_config>("speech_config"),
    json::raw<&Google::speech_config>("speechConfig"),
    json::string<&Google::media_resolution>("media_resolution"),
    json::string<&Google::media_resolution>("mediaResolution"),
    bounded_strings<&Google::response_modalities, max_modalities>(
        "response_modalities"),
    bounded_strings<&Google::response_modalities, max_modalities>(
        "responseModalities"),
    json::integer<&Google::top_k>("top_k"),
    json::integer<&Google::top_k>("topK")
};
constexpr Shape google_shape{google_fields};

/// An object whose members go to ChatRequest::google, wherever it stands;
/// what another of them said remains.
template <const Shape &S>
constexpr Field into_google(std::string_view name)
{
    Field field;
    field.name = name;
    field.expected = "an object";
    field.open_object = [](Reader &, void *request) -> Frame {
        return {&S, &static_cast<ChatRequest *>(request)->google};
    };
    return field;
}

template <const Shape &S>
constexpr Field thinking_of_google(std::string_view name)
{
    Field field;
    field.name = name;
    field.open_object = [](Reader &, void *request) -> Frame {
        return {&S,
            &static_cast<ChatRequest *>(request)->google.thinking_config};
    };
    return tolerant(field);
}

constexpr Field safety_of_google(std::string_view name)
{
    Field field;
    field.name = name;
    field.raw = [](Reader &, void *request, const Raw &value) {
        static_cast<ChatRequest *>(request)->google.safety_settings = value;
    };
    return field;
}

constexpr Field cache_of_google(std::string_view name)
{
    Field field;
    field.name = name;
    field.scalar = [](Reader &, void *request, const Scalar &value) {
        if (value.type == Type::string) {
            static_cast<ChatRequest *>(request)->google.cached_content =
                value.string;
        }
    };
    return tolerant(field);
}

// openai-python merges extra_body into the top level, so Google's documented
// form arrives as "google", or as "extra_body" where a client wrote it out.
constexpr Field google_field = into_google<google_shape>("google");
constexpr Field extra_body_fields[] = {google_field};
constexpr Shape extra_body_shape{extra_body_fields};

constexpr Field stop_field = [] {
    Field field = bounded_strings<&ChatRequest::stop, max_stop>("stop");
    field.expected = "a string or an array of strings";
    field.takes_string = true;
    field.scalar = [](Reader &reader, void *target, const Scalar &value) {
        auto &stop = static_cast<ChatRequest *>(target)->stop;
        stop.clear();
        stop.push(reader.arena(), value.string);
    };
    return field;
}();

constexpr Field web_search_field = [] {
    Field field;
    field.name = "web_search_options";
    field.expected = "an object";
    field.open_object = [](Reader &, void *target) -> Frame {
        static_cast<ChatRequest *>(target)->web_search = true;
        return {};
    };
    return field;
}();

constexpr Field common_fields[] = {
    json::string<&ChatRequest::model>("model"),
    json::boolean<&ChatRequest::stream>("stream"),
    json::object<&ChatRequest::stream_options, stream_options_shape>(
        "stream_options"),
    json::number<&ChatRequest::temperature>("temperature"),
    json::number<&ChatRequest::top_p>("top_p"),
    json::integer<&ChatRequest::top_k>("top_k"),
    json::integer<&ChatRequest::max_tokens>("max_tokens"),
    json::integer<&ChatRequest::max_completion_tokens>(
        "max_completion_tokens"),
    json::integer<&ChatRequest::n>("n"),
    stop_field,
    json::number<&ChatRequest::seed>("seed"),
    json::number<&ChatRequest::presence_penalty>("presence_penalty"),
    json::number<&ChatRequest::frequency_penalty>("frequency_penalty"),
    json::object<&ChatRequest::response_format, response_format_shape>(
        "response_format"),
    string_or_nested<&ChatRequest::reasoning_effort, effort_shape>(
        "reasoning_effort"),
    tolerant(json::object<&ChatRequest::reasoning, reasoning_shape>(
        "reasoning")),
    tolerant(json::object<&ChatRequest::thinking, thinking_shape>(
        "thinking")),
    json::string<&ChatRequest::service_tier>("service_tier"),
    nested<extra_body_shape>("extra_body"),
    google_field,
    // How other gateways take Gemini's own.
    into_google<generation_shape>("generation_config"),
    into_google<generation_shape>("generationConfig"),
    thinking_of_google<thinking_config_shape>("thinking_config"),
    thinking_of_google<thinking_config_shape>("thinkingConfig"),
    safety_of_google("safety_settings"),
    safety_of_google("safetySettings"),
    cache_of_google("cached_content"),
    cache_of_google("cachedContent")
};

constexpr Field request_fields[] = {
    messages_field,
    json::boolean<&ChatRequest::logprobs>("logprobs"),
    json::integer<&ChatRequest::top_logprobs>("top_logprobs"),
    tool_list<&ChatRequest::tools, tools_shape>("tools"),
    tool_list<&ChatRequest::functions, functions_shape>("functions"),
    word_or_object<&ChatRequest::tool_choice, &ToolChoice::word,
        tool_choice_shape>("tool_choice"),
    word_or_object<&ChatRequest::function_call, &ToolChoice::word,
        tool_choice_shape>("function_call"),
    bounded_strings<&ChatRequest::modalities, max_modalities>("modalities"),
    json::object<&ChatRequest::audio, spoken_answer_shape>("audio"),
    web_search_field,
    json::boolean<&ChatRequest::parallel_tool_calls>("parallel_tool_calls")
};
constexpr Shape request_shape{request_fields, common_shape};

// OpenAI's words, as far as clients are known to look at them.

Error missing(std::string_view name, std::string message)
{
    return Error{ErrorKind::bad_request, std::move(message),
        std::string(name), "missing_required_parameter", 0};
}

Error invalid(std::string_view name, std::string_view rest)
{
    std::string message = "Invalid '";
    message += name;
    message += "': ";
    message += rest;

    return Error{ErrorKind::bad_request, std::move(message),
        std::string(name), "invalid_value", 0};
}

struct NumberRange {
    std::string_view name;
    std::optional<json::Number> ChatRequest::*value;
    double least;
    double most;
    std::string_view expected;
};

constexpr NumberRange number_ranges[] = {
    {"temperature", &ChatRequest::temperature, 0, 2,
        "expected a number from 0 to 2."},
    {"top_p", &ChatRequest::top_p, 0, 1, "expected a number from 0 to 1."},
    {"presence_penalty", &ChatRequest::presence_penalty, -2, 2,
        "expected a number from -2 to 2."},
    {"frequency_penalty", &ChatRequest::frequency_penalty, -2, 2,
        "expected a number from -2 to 2."}
};

struct IntegerRange {
    std::string_view name;
    std::optional<std::int64_t> ChatRequest::*value;
    std::int64_t least;
    std::int64_t most;
    std::string_view expected;
};

constexpr std::int64_t no_most = INT64_MAX;

constexpr IntegerRange integer_ranges[] = {
    {"max_tokens", &ChatRequest::max_tokens, 1, no_most,
        "expected an integer of at least 1."},
    {"max_completion_tokens", &ChatRequest::max_completion_tokens, 1,
        no_most, "expected an integer of at least 1."},
    {"n", &ChatRequest::n, 1, 8, "expected an integer from 1 to 8."},
    {"top_logprobs", &ChatRequest::top_logprobs, 0, 20,
        "expected an integer from 0 to 20."}
};

template <typename T>
void prefer(T &usual, const T &googles)
{
    if (googles) {
        usual = googles;
    }
}

/// Puts what Google's words say where OpenAI's would have: the rules are the
/// same for both.
void prefer_google(ChatRequest &request)
{
    const Google &google = request.google;

    prefer(request.temperature, google.temperature);
    prefer(request.top_p, google.top_p);
    prefer(request.top_k, google.top_k);
    prefer(request.n, google.candidate_count);
    prefer(request.max_completion_tokens, google.max_output_tokens);
    prefer(request.seed, google.seed);
    prefer(request.presence_penalty, google.presence_penalty);
    prefer(request.frequency_penalty, google.frequency_penalty);
    prefer(request.logprobs, google.response_logprobs);
    prefer(request.top_logprobs, google.logprobs);

    if (!google.stop_sequences.empty()) {
        request.stop = google.stop_sequences;
    }

    if (!google.response_modalities.empty()) {
        request.modalities = google.response_modalities;
    }
}

Result<void> check_numbers(const ChatRequest &request)
{
    for (const NumberRange &range : number_ranges) {
        const auto &value = request.*range.value;

        if (!value) {
            continue;
        }

        double number = value->real();

        // Not a comparison the other way: it would let a NaN pass.
        if (!(number >= range.least && number <= range.most)) {
            return invalid(range.name, range.expected);
        }
    }

    for (const IntegerRange &range : integer_ranges) {
        const auto &value = request.*range.value;

        if (value && (*value < range.least || *value > range.most)) {
            return invalid(range.name, range.expected);
        }
    }

    if (request.seed && !request.seed->is_integer()) {
        return invalid("seed", "expected an integer.");
    }

    if (request.top_logprobs && !request.logprobs.value_or(false)) {
        return invalid("top_logprobs",
            "it is only allowed when 'logprobs' is true.");
    }

    return {};
}

}

const Shape fields::common_shape{common_fields};

Result<void> fields::check_model(const ChatRequest &request)
{
    if (request.model.empty()) {
        return missing("model", "you must provide a model parameter");
    }

    return {};
}

Result<void> fields::settle_common(ChatRequest &request)
{
    prefer_google(request);

    return check_numbers(request);
}

Result<void> parse(std::string_view text, Arena &arena, ChatRequest &request)
{
    auto read = json::read(text, request_shape, request, arena);

    if (!read) {
        return read;
    }

    if (auto named = check_model(request); !named) {
        return named;
    }

    if (!request.has_messages) {
        return missing("messages",
            "Missing required parameter: 'messages'.");
    }

    if (request.messages.empty()) {
        return invalid("messages", "expected at least one message, but got "
                                   "an empty array.");
    }

    return settle_common(request);
}

}
