#include "core/translate/reply.hpp"

#include "core/gemini/error.hpp"
#include "core/gemini/usage.hpp"
#include "core/json/writer.hpp"
#include "core/translate/annotations.hpp"
#include "core/translate/audio.hpp"
#include "core/translate/call_ids.hpp"
#include "core/translate/finish.hpp"
#include "core/translate/logprobs.hpp"
#include "core/translate/text_map.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <utility>

namespace gw::translate {

namespace {

/// Upstream allows eight candidates; what has a higher index than this leaves
/// room for is not answered.
constexpr std::size_t max_choices = 16;

/// What an error object in a 200 stands for when it names no code.
constexpr int status_of_nameless_error = 500;

struct Choice {
    const gemini::Candidate *candidate = nullptr;
    std::string_view native;
    Finish finish{};
    bool has_content = false;
    bool has_reasoning = false;
    bool has_tool_calls = false;
    bool has_images = false;
    bool has_audio = false;
    std::size_t audio_bytes = 0;
    json::String audio_type;        // of the first piece
    json::String signature;         // the last one outside the tool calls
};

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
    explicit Survey(Choice &target) : choice(target) {}

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

    Choice &choice;
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
        const NameSource *source)
        : writer(target), ids(call_ids), names(source)
    {
    }

    void tool_call(const gemini::ReplyFunctionCall &call,
        const json::String &signature)
    {
        writer.begin_object();
        writer.key("id").raw({});
        ids.write(call, writer.out());
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
    const NameSource *names;
};

struct FunctionCallSink : PartSink {
    FunctionCallSink(json::Writer &target, const NameSource *source)
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
    const NameSource *names;
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

Choice choice_of(const gemini::Candidate &candidate, const PartRules &rules)
{
    Choice choice;
    choice.candidate = &candidate;
    choice.native = finish_name(candidate.finish_reason.raw);

    Survey survey(choice);
    PartWalk seen = walk(candidate, rules, survey);

    choice.finish = finish_of(choice.native, seen);

    return choice;
}

/// The candidates in the order of their indexes, as clients read them; of two
/// with one index the first.
class Choices {
public:
    Choices(const List<gemini::Candidate> &candidates,
        const PartRules &rules)
    {
        for (const gemini::Candidate &candidate : candidates) {
            if (candidate.index < max_index && !has(candidate.index)) {
                choices_[size_++] = choice_of(candidate, rules);
            }
        }

        std::sort(begin(), end(), [](const Choice &a, const Choice &b) {
            return a.candidate->index < b.candidate->index;
        });
    }

    Choice *begin() { return choices_.data(); }
    Choice *end() { return choices_.data() + size_; }

    bool any(FinishKind kind)
    {
        return std::any_of(begin(), end(), [kind](const Choice &choice) {
            return choice.finish.kind == kind;
        });
    }

private:
    bool has(std::int64_t index)
    {
        return std::any_of(begin(), end(), [index](const Choice &choice) {
            return choice.candidate->index == index;
        });
    }

    static constexpr auto max_index = std::int64_t{max_choices};

    std::array<Choice, max_choices> choices_{};
    std::size_t size_ = 0;
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

/// What all choices of an answer are written with.
struct Writing {
    const ReplyOptions &options;
    CallIds &ids;
    Arena &arena;
    json::Writer &writer;
};

void write_calls(const Choice &choice, const Writing &to)
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

void write_audio(const Choice &choice, const Writing &to)
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

void write_annotations(const Choice &choice, const Writing &to)
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

void write_message(const Choice &choice, const Writing &to)
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
        ContentSink sink(out);
        writer.raw("\"");
        walk(candidate, rules, sink);
        sink.join.end(out);
        out.append('"');

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

void write_finish(std::string_view reason, std::string_view native,
    std::string_view message, json::Writer &writer)
{
    writer.key("finish_reason").string(reason);
    openai::write_native_finish(native, message, writer.out());
}

void write_choice(const Choice &choice, const Writing &to)
{
    to.writer.begin_object();
    to.writer.key("index").number(choice.candidate->index);
    to.writer.key("message");
    write_message(choice, to);
    to.writer.key("logprobs");

    if (to.options.logprobs) {
        write_logprobs(choice.candidate->logprobs_result, to.arena,
            to.writer);
    } else {
        to.writer.null();
    }

    write_finish(choice.finish.reason, choice.native,
        choice.candidate->finish_message.raw, to.writer);
    to.writer.end_object();
}

void write_blocked(const gemini::PromptFeedback &feedback,
    json::Writer &writer)
{
    writer.begin_object();
    writer.key("index").number(0);
    writer.key("message").begin_object();
    writer.key("role").raw("\"assistant\"");
    writer.key("content").string("");
    writer.key("refusal").raw("\"");
    write_refusal(feedback, writer.out());
    writer.out().append('"');
    writer.end_object();
    writer.key("logprobs").null();
    write_finish("content_filter", block_name(feedback.block_reason.raw), {},
        writer);
    writer.end_object();
}

void write_tail(const gemini::Usage &usage, Output &out)
{
    out.append(std::string_view("],\"usage\":"));
    json::Writer writer(out);
    openai::write_usage(usage, writer);
    out.append('}');
}

Reply failed_by(gemini::UpstreamError upstream_error)
{
    Reply reply;
    reply.state = ReplyState::failed;
    reply.error = gemini::classify(upstream_error).error;
    reply.upstream_error = std::move(upstream_error);

    return reply;
}

}

Result<Reply> to_chat_completion(std::string_view body,
    const ReplyOptions &options, bool write_empty, Arena &arena, Output &out)
{
    gemini::GenerateReply answer;
    auto parsed = gemini::parse(body, arena, answer);

    if (!parsed || answer.error.present()) {
        auto error = gemini::parse_error(status_of_nameless_error, body);

        if (!parsed && !error.json) {
            return parsed.error();
        }

        return failed_by(std::move(error));
    }

    Reply reply;

    if (answer.usage) {
        reply.outcome.usage = gemini::usage_of(*answer.usage);
        reply.outcome.has_usage = true;
    }

    if (answer.candidates.empty() && answer.prompt_feedback
        && is_block(*answer.prompt_feedback))
    {
        json::Writer writer(out);

        openai::write_head(options.head, "chat.completion", out);
        write_blocked(*answer.prompt_feedback, writer);
        write_tail(reply.outcome.usage, out);
        reply.outcome.finish_reason = "content_filter";

        return reply;
    }

    Choices choices(answer.candidates, options.rules());

    if (!choices.any(FinishKind::normal)
        && !(write_empty && choices.any(FinishKind::wordless)))
    {
        std::string_view native;
        std::string_view message;

        if (choices.begin() != choices.end()) {
            const Choice &first = *choices.begin();
            native = first.native;
            message = first.candidate->finish_message.decode(arena);
        }

        reply.state = ReplyState::empty;
        reply.error = empty_answer(native, message);

        return reply;
    }

    CallIds ids(options.id_seed);
    json::Writer writer(out);
    Writing to{options, ids, arena, writer};

    openai::write_head(options.head, "chat.completion", out);

    for (const Choice &choice : choices) {
        write_choice(choice, to);
    }

    write_tail(reply.outcome.usage, out);
    reply.outcome.finish_reason = choices.begin()->finish.reason;

    return reply;
}

}
