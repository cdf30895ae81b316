#include "core/translate/whole_choice.hpp"

#include "core/translate/annotations.hpp"
#include "core/translate/audio.hpp"
#include "core/translate/logprobs.hpp"
#include "core/translate/text_map.hpp"

#include <cstdint>
#include <memory_resource>

namespace gw::translate {

namespace {

/// Gives all parts of a candidate to one sink; each field of the message is
/// one run.
template <typename Sink>
PartWalk walk(const gemini::Candidate &candidate, const PartRules &rules,
    Sink &sink)
{
    PartWalk walk(rules);

    for (const gemini::ReplyPart &part : candidate.content.parts) {
        walk.part(part, sink);
    }

    walk.end(sink);
    return walk;
}

struct Survey : PartSink {
    explicit Survey(WholeChoice &target) : choice(target) {}

    void content(const json::String &, std::int64_t)
    {
        choice.has_content = true;
    }

    void reasoning(const json::String &) { choice.has_reasoning = true; }

    void tool_call(const gemini::ReplyFunctionCall &, const json::String &)
    {
        choice.has_tool_calls = true;
    }

    void image(const gemini::ReplyBlob &) { choice.has_images = true; }

    void audio(const gemini::ReplyBlob &blob)
    {
        if (!choice.has_audio) {
            choice.has_audio = true;
            choice.audio_type = blob.mime_type;
        }

        choice.audio_bytes += base64_bytes(blob.data.raw);
    }

    void signature(const json::String &signature)
    {
        choice.signature = signature;
    }

    WholeChoice &choice;
};

struct ContentSink : PartSink {
    explicit ContentSink(Output &output) : out(output) {}

    void content(const json::String &text, std::int64_t)
    {
        join.append(text, out);
    }

    Output &out;
    TextJoin join;
};

struct ReasoningSink : PartSink {
    explicit ReasoningSink(Output &output) : out(output) {}

    void reasoning(const json::String &text) { join.append(text, out); }

    Output &out;
    TextJoin join;
};

struct ToolCallSink : PartSink {
    ToolCallSink(json::Writer &target, CallIds &call_ids,
        const NameMap *source)
        : writer(target), ids(call_ids), names(source)
    {
    }

    void tool_call(const gemini::ReplyFunctionCall &call,
        const json::String &signature)
    {
        writer.begin_object();
        writer.key("id").raw({});
        ids.write(call, signature, writer.out());
        writer.key("type").raw("\"function\"");
        writer.key("function");
        openai::write_function(function_name(call.name, names),
            call.args.text, json::String(), writer);

        if (!signature.empty()) {
            writer.key("extra_content");
            openai::write_signature(signature, writer);
        }

        writer.end_object();
    }

    json::Writer &writer;
    CallIds &ids;
    const NameMap *names;
};

struct FunctionCallSink : PartSink {
    FunctionCallSink(json::Writer &target, const NameMap *source)
        : writer(target), names(source)
    {
    }

    void tool_call(const gemini::ReplyFunctionCall &call,
        const json::String &signature)
    {
        openai::write_function(function_name(call.name, names),
            call.args.text, signature, writer);
    }

    json::Writer &writer;
    const NameMap *names;
};

struct AudioSink : PartSink {
    explicit AudioSink(Output &output) : out(output) {}

    void audio(const gemini::ReplyBlob &blob)
    {
        join.append_base64(blob.data.raw, out);
    }

    Output &out;
    Base64Join join;
};

struct MapSink : PartSink {
    explicit MapSink(TextMap &target) : map(target) {}

    void content(const json::String &text, std::int64_t part)
    {
        map.add(text, part);
    }

    TextMap &map;
};

struct ImageSink : PartSink {
    explicit ImageSink(json::Writer &target) : writer(target) {}

    void image(const gemini::ReplyBlob &blob)
    {
        openai::write_image(count++, blob.mime_type, blob.data, writer);
    }

    json::Writer &writer;
    std::int64_t count = 0;
};

/// For what grows a little and goes with the answer.
class ArenaMemory final : public std::pmr::memory_resource {
public:
    explicit ArenaMemory(Arena &arena) : arena_(arena) {}

private:
    void *do_allocate(std::size_t size, std::size_t align) override
    {
        return arena_.allocate(size, align);
    }

    void do_deallocate(void *, std::size_t, std::size_t) override {}

    bool do_is_equal(const memory_resource &other) const noexcept override
    {
        return this == &other;
    }

    Arena &arena_;
};

void write_calls(const WholeChoice &choice, const Writing &to)
{
    if (to.options.calls == Calls::legacy) {
        FunctionCallSink sink(to.writer, to.options.names);
        to.writer.key("function_call");
        walk(*choice.candidate, to.options.rules(), sink);

    } else {
        ToolCallSink sink(to.writer, to.ids, to.options.names);
        to.writer.key("tool_calls").begin_array();
        walk(*choice.candidate, to.options.rules(), sink);
        to.writer.end_array();
    }
}

void write_audio(const WholeChoice &choice, const Writing &to)
{
    AudioSink sink(to.writer.out());

    openai::begin_audio(choice.candidate->index, to.options.id_seed,
        to.writer);

    if (to.options.audio == AudioFormat::wav) {
        write_wav_head(choice.audio_type, choice.audio_bytes, sink.join,
            sink.out);
    }

    walk(*choice.candidate, to.options.rules(), sink);
    sink.join.end(sink.out);
    openai::end_audio(to.options.head.created, to.writer);
}

void write_annotations(const WholeChoice &choice, const Writing &to)
{
    const gemini::Candidate &candidate = *choice.candidate;

    if (!candidate.grounding_metadata.present()
        && !candidate.citation_metadata.present())
    {
        return;
    }

    ArenaMemory memory(to.arena);
    TextMap map(&memory);
    Cited cited(&memory);
    MapSink sink(map);
    walk(candidate, to.options.rules(), sink);

    auto annotations = annotations_of(candidate, map, cited, to.arena);

    if (!annotations.empty()) {
        to.writer.key("annotations");
        translate::write_annotations(annotations, to.writer);
    }
}

}

WholeChoice choice_of(const gemini::Candidate &candidate,
    const PartRules &rules)
{
    WholeChoice choice;
    choice.candidate = &candidate;
    choice.native = finish_name(candidate.finish_reason.raw);

    Survey survey(choice);
    PartWalk seen = walk(candidate, rules, survey);

    choice.finish = finish_of(choice.native, seen);

    return choice;
}

void write_echo(const TextForm &form, Output &out)
{
    if (form.echo) {
        TextJoin join;
        join.append(form.prompt, out);
        join.end(out);
    }
}

std::int64_t echo_length(const TextForm &form, Arena &arena)
{
    return form.echo ? characters(form.prompt.decode(arena)) : 0;
}

void write_content(const WholeChoice &choice, const Writing &to)
{
    ContentSink sink(to.writer.out());

    to.writer.raw("\"");

    if (to.options.text) {
        write_echo(*to.options.text, sink.out);
    }

    walk(*choice.candidate, to.options.rules(), sink);
    sink.join.end(sink.out);
    sink.out.append('"');
}

void write_message(const WholeChoice &choice, const Writing &to)
{
    const gemini::Candidate &candidate = *choice.candidate;
    const PartRules rules = to.options.rules();
    json::Writer &writer = to.writer;
    Output &out = writer.out();

    writer.begin_object();
    writer.key("role").raw("\"assistant\"");
    writer.key("content");

    // Clients crash on a null without tool calls beside it.
    if (choice.has_content || !choice.has_tool_calls) {
        write_content(choice, to);

    } else {
        writer.null();
    }

    writer.key("refusal").null();

    if (choice.has_reasoning) {
        ReasoningSink sink(out);
        writer.key("reasoning_content").raw("\"");
        walk(candidate, rules, sink);
        sink.join.end(out);
        out.append('"');
    }

    if (choice.has_tool_calls) {
        write_calls(choice, to);
    }

    if (choice.has_images) {
        ImageSink sink(writer);
        writer.key("images").begin_array();
        walk(candidate, rules, sink);
        writer.end_array();
    }

    if (choice.has_audio) {
        write_audio(choice, to);
    }

    write_annotations(choice, to);

    auto extra = extra_of(candidate, to.arena);
    extra.thought_signature = choice.signature;

    if (!extra.empty()) {
        writer.key("extra_content");
        openai::write_extra(extra, writer);
    }

    writer.end_object();
}

}
