#include "core/translate/choice_chunks.hpp"

#include "core/translate/logprobs.hpp"
#include "core/translate/whole_choice.hpp"

#include <utility>

namespace gw::translate {

Finish StreamedChoice::finish() const
{
    if (blocked) {
        return {"content_filter", FinishKind::normal};
    }

    return finish_of(native, walk);
}

void ChoiceChunks::take(const gemini::Candidate &candidate)
{
    if (tools_.options.logprobs
        && candidate.logprobs_result.present()
        && has_logprobs(candidate.logprobs_result, tools_.scratch))
    {
        logprobs_ = candidate.logprobs_result;
    }

    choice_.walk.next_event();

    for (const gemini::ReplyPart &part : candidate.content.parts) {
        choice_.walk.part(part, *this);
    }

    close();

    // Without text in this event they go alone; before there is an answer at
    // all there is nothing they could belong to.
    if (logprobs_.present() && choice_.role_sent) {
        if (tools_.options.text) {
            chunk_.begin_text(choice_.index, {}, out_);
            out_.append('"');
        } else {
            chunk_.begin_delta(choice_.index, out_);
        }

        close_with_logprobs();
    }

    write_sources(candidate);
}

void ChoiceChunks::start()
{
    if (choice_.role_sent) {
        return;
    }

    choice_.role_sent = true;

    if (tools_.options.text) {
        write_echo();
        return;
    }

    chunk_.role(choice_.index, out_);

    if (!choice_.signature.empty()) {
        write_signature(json::String(choice_.signature, true));
        choice_.signature.clear();
    }
}

void ChoiceChunks::content(const json::String &text, std::int64_t part)
{
    choice_.map.add(text, part);
    open("content").content.append(text, out_);
}

void ChoiceChunks::reasoning(const json::String &text)
{
    open("reasoning_content").reasoning.append(text, out_);
}

void ChoiceChunks::tool_call(const gemini::ReplyFunctionCall &call,
    const json::String &signature)
{
    begin();

    json::Writer writer(out_);
    auto name = function_name(call.name, tools_.options.names);

    if (tools_.options.calls == Calls::legacy) {
        writer.key("function_call");
        openai::write_function(name, call.args.text, signature, writer);
        chunk_.end_delta(out_);
        return;
    }

    writer.key("tool_calls").begin_array().begin_object();
    writer.key("index").number(choice_.tool_calls++);
    writer.key("id").raw({});
    tools_.call_ids.write(call, signature, out_);
    writer.key("type").raw("\"function\"");
    writer.key("function");
    openai::write_function(name, call.args.text, json::String(), writer);

    if (!signature.empty()) {
        writer.key("extra_content");
        openai::write_signature(signature, writer);
    }

    writer.end_object().end_array();
    chunk_.end_delta(out_);
}

void ChoiceChunks::image(const gemini::ReplyBlob &blob)
{
    begin();

    json::Writer writer(out_);
    writer.key("images").begin_array();
    openai::write_image(choice_.images++, blob.mime_type, blob.data, writer);
    writer.end_array();
    chunk_.end_delta(out_);
}

void ChoiceChunks::audio(const gemini::ReplyBlob &blob)
{
    begin();

    json::Writer writer(out_);
    writer.key("audio").begin_object();

    // Clients join the strings of all deltas: the id comes once.
    if (!choice_.audio_begun) {
        choice_.audio_begun = true;
        writer.key("id").raw({});
        openai::write_audio_id(choice_.index, tools_.options.id_seed, out_);
    }

    writer.key("data").raw("\"");
    choice_.audio.append_base64(blob.data.raw, out_);
    out_.append('"');
    writer.end_object();
    chunk_.end_delta(out_);
}

void ChoiceChunks::signature(const json::String &signature)
{
    // Alone it is nothing to start an answer with: empty ones have it too.
    if (!choice_.role_sent) {
        choice_.signature.assign(signature.raw);
        return;
    }

    close();
    write_signature(signature);
}

void ChoiceChunks::refusal(const gemini::PromptFeedback &feedback)
{
    if (tools_.options.text) {
        start();
        return;
    }

    open("refusal");
    write_refusal(feedback, out_);
    close();
}

void ChoiceChunks::close()
{
    if (open_.empty()) {
        return;
    }

    bool content = open_ == "content";
    open_ = {};

    if (content && logprobs_.present()) {
        out_.append('"');
        close_with_logprobs();
    } else {
        chunk_.end_text(out_);
    }
}

void ChoiceChunks::close_with_logprobs()
{
    json::Writer writer(out_);
    const json::Raw logprobs = std::exchange(logprobs_, {});

    chunk_.begin_logprobs(out_);

    if (tools_.options.text) {
        write_text_logprobs(logprobs, choice_.text_offset, tools_.scratch,
            writer);
    } else {
        write_logprobs(logprobs, tools_.scratch, writer);
    }

    chunk_.end_logprobs(out_);
}

void ChoiceChunks::end()
{
    choice_.walk.end(*this);

    if (choice_.reasoning.holding()) {
        open("reasoning_content").reasoning.end(out_);
    }

    if (choice_.content.holding()) {
        open("content").content.end(out_);
    }

    close();
    start();

    if (choice_.audio_begun) {
        json::Writer writer(out_);

        chunk_.begin_delta(choice_.index, out_);
        writer.key("audio").begin_object();

        if (choice_.audio.holding()) {
            writer.key("data").raw("\"");
            choice_.audio.end(out_);
            out_.append('"');
        }

        writer.key("expires_at").number(tools_.options.head.created);
        writer.end_object();
        chunk_.end_delta(out_);
    }
}

StreamedChoice &ChoiceChunks::open(std::string_view name)
{
    if (open_ != name) {
        close();
        start();
        chunk_.begin_text(choice_.index, name, out_);
        open_ = name;
    }

    return choice_;
}

void ChoiceChunks::begin()
{
    close();
    start();
    chunk_.begin_delta(choice_.index, out_);
}

void ChoiceChunks::write_echo()
{
    const TextForm &form = *tools_.options.text;

    chunk_.begin_text(choice_.index, {}, out_);
    translate::write_echo(form, out_);
    chunk_.end_text(out_);
    choice_.text_offset = echo_length(form, tools_.scratch);
}

void ChoiceChunks::write_signature(const json::String &signature)
{
    chunk_.begin_delta(choice_.index, out_);

    json::Writer writer(out_);
    writer.key("extra_content");
    openai::write_signature(signature, writer);
    chunk_.end_delta(out_);
}

/// Sources that come before anything else are lost: nothing is known yet that
/// they could be sources of.
void ChoiceChunks::write_sources(const gemini::Candidate &candidate)
{
    bool any = candidate.grounding_metadata.present()
               || candidate.citation_metadata.present()
               || candidate.url_context_metadata.present()
               || !candidate.continuation_token.empty();

    if (!any || !choice_.role_sent || tools_.options.text) {
        return;
    }

    auto annotations = annotations_of(candidate, choice_.map, choice_.cited,
        tools_.scratch);
    auto extra = extra_of(candidate, tools_.scratch);

    if (annotations.empty() && extra.empty()) {
        return;
    }

    json::Writer writer(out_);
    chunk_.begin_delta(choice_.index, out_);

    if (!annotations.empty()) {
        writer.key("annotations");
        write_annotations(annotations, writer);
    }

    if (!extra.empty()) {
        writer.key("extra_content");
        openai::write_extra(extra, writer);
    }

    chunk_.end_delta(out_);
}

}
