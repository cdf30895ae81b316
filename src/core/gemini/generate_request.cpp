// GenerateContentRequest as JSON, in the order of Google's documentation.
#include "core/gemini/generate_request.hpp"

#include "core/json/writer.hpp"

namespace gw::gemini {

namespace {

using json::Writer;

void write_blob(const Blob &blob, Writer &writer)
{
    writer.key("inlineData").begin_object();
    writer.key("mimeType").string(blob.mime_type);
    writer.key("data").lasting_text(json::String(blob.data));
    writer.end_object();
}

void write_file(const FileData &file, Writer &writer)
{
    writer.key("fileData").begin_object();

    if (!file.mime_type.empty()) {
        writer.key("mimeType").string(file.mime_type);
    }

    writer.key("fileUri").lasting_text(file.file_uri);
    writer.end_object();
}

void write_object(std::string_view key, const json::Raw &value,
    Writer &writer)
{
    writer.key(key).lasting_raw(
        value.present() ? value.text : std::string_view("{}"));
}

void write_call(const FunctionCall &call, Writer &writer)
{
    writer.key("functionCall").begin_object();

    if (!call.id.empty()) {
        writer.key("id").lasting_text(call.id);
    }

    writer.key("name").lasting_text(call.name);
    write_object("args", call.args, writer);
    writer.end_object();
}

void write_response(const FunctionResponse &response, Writer &writer)
{
    writer.key("functionResponse").begin_object();

    if (!response.id.empty()) {
        writer.key("id").lasting_text(response.id);
    }

    writer.key("name").lasting_text(response.name);
    write_object("response", response.response, writer);

    if (!response.parts.empty()) {
        writer.key("parts").begin_array();

        for (const Blob &blob : response.parts) {
            writer.begin_object();
            write_blob(blob, writer);
            writer.end_object();
        }

        writer.end_array();
    }

    writer.end_object();
}

void write_part(const Part &part, Writer &writer)
{
    writer.begin_object();

    switch (part.kind) {

    case Part::Kind::text:
        writer.key("text").lasting_text(part.text);
        break;

    case Part::Kind::inline_data:
        write_blob(part.inline_data, writer);
        break;

    case Part::Kind::file_data:
        write_file(part.file_data, writer);
        break;

    case Part::Kind::function_call:
        write_call(part.function_call, writer);
        break;

    case Part::Kind::function_response:
        write_response(part.function_response, writer);
        break;
    }

    if (part.thought) {
        writer.key("thought").boolean(true);
    }

    if (!part.thought_signature.empty()) {
        writer.key("thoughtSignature").lasting_text(part.thought_signature);
    }

    writer.end_object();
}

void write_parts(const List<Part> &parts, Writer &writer)
{
    writer.key("parts").begin_array();

    for (const Part &part : parts) {
        write_part(part, writer);
    }

    writer.end_array();
}

void write_contents(const List<Content> &contents, Writer &writer)
{
    writer.key("contents").begin_array();

    for (const Content &content : contents) {
        writer.begin_object();
        writer.key("role").string(
            content.role == Role::user ? "user" : "model");
        write_parts(content.parts, writer);
        writer.end_object();
    }

    writer.end_array();
}

void write_declaration(const FunctionDeclaration &function, Writer &writer)
{
    writer.begin_object();
    writer.key("name").lasting_text(function.name);
    // Required upstream, though it may be empty.
    writer.key("description").lasting_text(function.description);

    if (function.parameters_json_schema.present()) {
        writer.key("parametersJsonSchema").lasting_raw(
            function.parameters_json_schema.text);

    } else if (function.parameters.present()) {
        writer.key("parameters").lasting_raw(function.parameters.text);
    }

    writer.end_object();
}

void write_tools(const Tools &tools, Writer &writer)
{
    if (tools.functions.empty() && tools.others.empty()) {
        return;
    }

    writer.key("tools").begin_array();

    // One Tool holds every function: of several only the first is honoured.
    if (!tools.functions.empty()) {
        writer.begin_object();
        writer.key("functionDeclarations").begin_array();

        for (const FunctionDeclaration &function : tools.functions) {
            write_declaration(function, writer);
        }

        writer.end_array();
        writer.end_object();
    }

    for (const json::Raw &tool : tools.others) {
        writer.lasting_raw(tool.text);
    }

    writer.end_array();
}

void write_tool_config(const GenerateRequest &request, Writer &writer)
{
    const FunctionCallingConfig &config = request.function_calling;

    if (config.mode.empty() && !request.server_side_tool_invocations) {
        return;
    }

    writer.key("toolConfig").begin_object();

    if (!config.mode.empty()) {
        writer.key("functionCallingConfig").begin_object();
        writer.key("mode").string(config.mode);

        if (!config.allowed_names.empty()) {
            writer.key("allowedFunctionNames").begin_array();

            for (const json::String &name : config.allowed_names) {
                writer.lasting_text(name);
            }

            writer.end_array();
        }

        writer.end_object();
    }

    if (request.server_side_tool_invocations) {
        writer.key("includeServerSideToolInvocations").boolean(true);
    }

    writer.end_object();
}

void write_safety(const GenerateRequest &request, Writer &writer)
{
    if (request.raw_safety.present()) {
        writer.key("safetySettings").lasting_raw(request.raw_safety.text);
        return;
    }

    if (request.safety.empty()) {
        return;
    }

    writer.key("safetySettings").begin_array();

    for (const SafetySetting &setting : request.safety) {
        writer.begin_object();
        writer.key("category").string(setting.category);
        writer.key("threshold").string(setting.threshold);
        writer.end_object();
    }

    writer.end_array();
}

/// generationConfig, begun with its first member, so that one without any is
/// not sent.
class GenerationWriter {
public:
    explicit GenerationWriter(Writer &writer) : writer_(writer) {}

    Writer &key(std::string_view name)
    {
        if (!begun_) {
            begun_ = true;
            writer_.key("generationConfig").begin_object();
        }

        return writer_.key(name);
    }

    void number(std::string_view name,
        const std::optional<std::int64_t> &value)
    {
        if (value) {
            key(name).number(*value);
        }
    }

    void number(std::string_view name,
        const std::optional<json::Number> &value)
    {
        if (value) {
            key(name).raw(value->text);
        }
    }

    void finish()
    {
        if (begun_) {
            writer_.end_object();
        }
    }

private:
    Writer &writer_;
    bool begun_ = false;
};

void write_thinking(const ThinkingConfig &thinking, Writer &writer)
{
    writer.begin_object();

    if (thinking.budget) {
        writer.key("thinkingBudget").number(*thinking.budget);
    }

    if (!thinking.level.empty()) {
        writer.key("thinkingLevel").string(thinking.level);
    }

    if (thinking.include_thoughts) {
        writer.key("includeThoughts").boolean(*thinking.include_thoughts);
    }

    writer.end_object();
}

void write_generation(const GenerationConfig &config, Writer &writer)
{
    GenerationWriter generation(writer);

    generation.number("candidateCount", config.candidate_count);

    if (!config.stop_sequences.empty()) {
        generation.key("stopSequences").begin_array();

        for (const json::String &stop : config.stop_sequences) {
            writer.lasting_text(stop);
        }

        writer.end_array();
    }

    generation.number("maxOutputTokens", config.max_output_tokens);
    generation.number("temperature", config.temperature);
    generation.number("topP", config.top_p);
    generation.number("topK", config.top_k);
    generation.number("seed", config.seed);
    generation.number("presencePenalty", config.presence_penalty);
    generation.number("frequencyPenalty", config.frequency_penalty);

    if (config.response_logprobs) {
        generation.key("responseLogprobs").boolean(
            *config.response_logprobs);
    }

    generation.number("logprobs", config.logprobs);

    if (!config.response_mime_type.empty()) {
        generation.key("responseMimeType").string(
            config.response_mime_type);
    }

    if (config.response_json_schema.present()) {
        generation.key("responseJsonSchema").lasting_raw(
            config.response_json_schema.text);

    } else if (config.response_schema.present()) {
        generation.key("responseSchema").lasting_raw(
            config.response_schema.text);
    }

    if (!config.response_modalities.empty()) {
        generation.key("responseModalities").begin_array();

        for (std::string_view modality : config.response_modalities) {
            writer.string(modality);
        }

        writer.end_array();
    }

    if (config.thinking.present()) {
        generation.key("thinkingConfig");
        write_thinking(config.thinking, writer);
    }

    if (config.speech_config.present()) {
        generation.key("speechConfig").lasting_raw(config.speech_config.text);
    }

    if (config.image_config.present()) {
        generation.key("imageConfig").lasting_raw(config.image_config.text);
    }

    if (!config.media_resolution.empty()) {
        generation.key("mediaResolution").string(config.media_resolution);
    }

    generation.finish();
}

}

void write(const GenerateRequest &request, Output &out)
{
    Writer writer(out);

    writer.begin_object();

    // A role there is refused by strict servers.
    if (!request.system_instruction.empty()) {
        writer.key("systemInstruction").begin_object();
        write_parts(request.system_instruction, writer);
        writer.end_object();
    }

    write_contents(request.contents, writer);
    write_tools(request.tools, writer);
    write_tool_config(request, writer);
    write_safety(request, writer);
    write_generation(request.generation, writer);

    if (!request.cached_content.empty()) {
        writer.key("cachedContent").lasting_text(request.cached_content);
    }

    if (!request.service_tier.empty()) {
        writer.key("serviceTier").string(request.service_tier);
    }

    writer.end_object();
}

}
