#include "core/translate/choice_chunks.hpp"

namespace gw::translate {

Finish StreamedChoice::finish() const
{
    if (blocked) {
        return {"content_filter", FinishKind::normal};
    }

    return finish_of(native, walk.saw_tool_call(), walk.saw_output());
}

void ChoiceChunks::start()
{
    if (choice_.role_sent) {
        return;
    }

    choice_.role_sent = true;
    chunk_.role(choice_.index, out_);

    if (!choice_.signature.empty()) {
        write_signature(json::String(choice_.signature, true));
        choice_.signature.clear();
    }
}

void ChoiceChunks::content(const json::String &text)
{
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
    writer.key("tool_calls").begin_array().begin_object();
    writer.key("index").number(choice_.tool_calls++);
    writer.key("id").raw({});
    call_ids_.write(call, out_);
    writer.key("type").raw("\"function\"");
    writer.key("function");
    openai::write_function(call.name, call.args.text, writer);

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
    open("refusal");
    write_refusal(feedback, out_);
    close();
}

void ChoiceChunks::close()
{
    if (!open_.empty()) {
        open_ = {};
        chunk_.end_text(out_);
    }
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

void ChoiceChunks::write_signature(const json::String &signature)
{
    chunk_.begin_delta(choice_.index, out_);

    json::Writer writer(out_);
    writer.key("extra_content");
    openai::write_signature(signature, writer);
    chunk_.end_delta(out_);
}

}
