#include "core/openai/chat_reply.hpp"

namespace gw::openai {

namespace {

void write_quoted(Output &out, std::string_view escaped)
{
    out.append('"');
    out.append(escaped);
    out.append('"');
}

}

void write_head(const ReplyHead &head, std::string_view object, Output &out)
{
    out.append(std::string_view("{\"id\":"));
    write_quoted(out, head.id);
    out.append(std::string_view(",\"object\":"));
    write_quoted(out, object);
    out.append(std::string_view(",\"created\":"));
    out.append_number(head.created);
    out.append(std::string_view(",\"model\":"));
    write_quoted(out, head.model);
    out.append(std::string_view(",\"choices\":["));
}

void write_native_finish(std::string_view native, std::string_view message,
    Output &out)
{
    if (!native.empty()) {
        out.append(std::string_view(",\"native_finish_reason\":"));
        json::Writer(out).text(json::String(native, true));
    }

    if (!message.empty()) {
        out.append(std::string_view(",\"finish_message\":"));
        json::Writer(out).text(json::String(message, true));
    }
}

void write_usage(const gemini::Usage &usage, json::Writer &writer)
{
    writer.begin_object();
    writer.key("prompt_tokens").number(usage.prompt_tokens);
    writer.key("completion_tokens").number(usage.completion_tokens);
    writer.key("total_tokens").number(usage.total_tokens());

    writer.key("prompt_tokens_details").begin_object();
    writer.key("cached_tokens").number(usage.cached_tokens);
    writer.key("audio_tokens").number(usage.prompt_audio_tokens);
    writer.end_object();

    writer.key("completion_tokens_details").begin_object();
    writer.key("reasoning_tokens").number(usage.reasoning_tokens);
    writer.key("audio_tokens").number(usage.completion_audio_tokens);
    writer.key("accepted_prediction_tokens").number(0);
    writer.key("rejected_prediction_tokens").number(0);
    writer.end_object();

    writer.end_object();
}

void write_arguments(std::string_view arguments, Output &out)
{
    if (arguments.empty()) {
        out.append(std::string_view("{}"));
        return;
    }

    bool in_string = false;
    std::size_t run = 0;

    auto copy_until = [&](std::size_t end) {
        out.append(arguments.substr(run, end - run));
    };

    for (std::size_t i = 0; i < arguments.size(); ++i) {
        char c = arguments[i];

        if (c == '"') {
            copy_until(i);
            out.append(std::string_view("\\\""));
            run = i + 1;
            in_string = !in_string;

        } else if (c == '\\') {
            // What it escapes may be a quote, which ends no string.
            copy_until(i);
            out.append(std::string_view("\\\\"));
            ++i;

            if (i < arguments.size()
                && (arguments[i] == '"' || arguments[i] == '\\'))
            {
                out.append('\\');
            }

            run = i;

        } else if (!in_string
                   && (c == ' ' || c == '\n' || c == '\r' || c == '\t'))
        {
            copy_until(i);
            run = i + 1;
        }
    }

    if (run < arguments.size()) {
        copy_until(arguments.size());
    }
}

void write_compact(std::string_view json, Output &out)
{
    bool in_string = false;
    std::size_t run = 0;

    for (std::size_t i = 0; i < json.size(); ++i) {
        char c = json[i];

        if (in_string) {
            i += c == '\\';
            in_string = c != '"';

        } else if (c == '"') {
            in_string = true;

        } else if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            out.append(json.substr(run, i - run));
            run = i + 1;
        }
    }

    out.append(json.substr(run));
}

void write_function(const json::String &name, std::string_view arguments,
    const json::String &signature, json::Writer &writer)
{
    writer.begin_object();
    writer.key("name").text(name);
    writer.key("arguments");

    // A whole value for the Writer, the string being opened and closed here.
    writer.raw("\"");
    write_arguments(arguments, writer.out());
    writer.out().append('"');

    if (!signature.empty()) {
        writer.key("extra_content");
        write_signature(signature, writer);
    }

    writer.end_object();
}

void write_image(std::int64_t index, const json::String &mime_type,
    const json::String &data, json::Writer &writer)
{
    writer.begin_object();
    writer.key("type").raw("\"image_url\"");
    writer.key("index").number(index);
    writer.key("image_url").begin_object();
    writer.key("url");
    writer.raw("\"data:");
    writer.out().append(mime_type.raw);
    writer.out().append(std::string_view(";base64,"));
    writer.out().append(data.raw);
    writer.out().append('"');
    writer.end_object();
    writer.end_object();
}

void begin_audio(std::int64_t index, std::string_view seed,
    json::Writer &writer)
{
    writer.key("audio").begin_object();
    writer.key("id").raw({});
    write_audio_id(index, seed, writer.out());
    writer.key("data").raw("\"");
}

void end_audio(std::int64_t created, json::Writer &writer)
{
    writer.out().append('"');
    writer.key("expires_at").number(created);
    writer.key("transcript").string({});
    writer.end_object();
}

void write_audio_id(std::int64_t index, std::string_view seed, Output &out)
{
    out.append(std::string_view("\"audio_"));
    out.append(seed);
    out.append_number(index);
    out.append('"');
}

void write_annotation(const json::String &url, const json::String &title,
    std::int64_t begin, std::int64_t end, json::Writer &writer)
{
    writer.begin_object();
    writer.key("type").raw("\"url_citation\"");
    writer.key("url_citation").begin_object();
    writer.key("start_index").number(begin);
    writer.key("end_index").number(end);
    writer.key("url").text(url);
    writer.key("title").text(title);
    writer.end_object();
    writer.end_object();
}

void write_extra(const GoogleExtra &extra, json::Writer &writer)
{
    writer.begin_object();
    writer.key("google").begin_object();

    if (!extra.thought_signature.empty()) {
        writer.key("thought_signature").text(extra.thought_signature);
    }

    if (!extra.continuation_token.empty()) {
        writer.key("continuation_token").text(extra.continuation_token);
    }

    if (!extra.grounding_metadata[0].empty()) {
        writer.key("grounding_metadata").raw({});
        write_compact(extra.grounding_metadata[0], writer.out());
        write_compact(extra.grounding_metadata[1], writer.out());
    }

    if (!extra.url_context_metadata.empty()) {
        writer.key("url_context_metadata").raw({});
        write_compact(extra.url_context_metadata, writer.out());
    }

    writer.end_object();
    writer.end_object();
}

void write_signature(const json::String &signature, json::Writer &writer)
{
    GoogleExtra extra;
    extra.thought_signature = signature;
    write_extra(extra, writer);
}

}
