#include "core/translate/reply.hpp"

#include "core/gemini/error.hpp"
#include "core/gemini/usage.hpp"
#include "core/json/writer.hpp"
#include "core/translate/call_ids.hpp"
#include "core/translate/finish.hpp"
#include "core/translate/parts.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
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
    json::String signature;         // the last one outside the tool calls
};

/// Gives all parts of a candidate to one sink; each field of the message is
/// one run.
template <typename Sink>
PartWalk walk(const gemini::Candidate &candidate, Thoughts thoughts,
    Sink &sink)
{
    PartWalk walk(thoughts);

    for (const gemini::ReplyPart &part : candidate.content.parts) {
        walk.part(part, sink);
    }

    walk.end(sink);
    return walk;
}

struct Survey : PartSink {
    explicit Survey(Choice &target) : choice(target) {}

    void content(const json::String &) { choice.has_content = true; }
    void reasoning(const json::String &) { choice.has_reasoning = true; }

    void tool_call(const gemini::ReplyFunctionCall &, const json::String &)
    {
        choice.has_tool_calls = true;
    }

    void image(const gemini::ReplyBlob &) { choice.has_images = true; }

    void signature(const json::String &signature)
    {
        choice.signature = signature;
    }

    Choice &choice;
};

struct ContentSink : PartSink {
    explicit ContentSink(Output &output) : out(output) {}

    void content(const json::String &text) { join.append(text, out); }

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
    ToolCallSink(json::Writer &target, CallIds &call_ids)
        : writer(target), ids(call_ids)
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
        openai::write_function(call.name, call.args.text, writer);

        if (!signature.empty()) {
            writer.key("extra_content");
            openai::write_signature(signature, writer);
        }

        writer.end_object();
    }

    json::Writer &writer;
    CallIds &ids;
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

Choice choice_of(const gemini::Candidate &candidate, Thoughts thoughts)
{
    Choice choice;
    choice.candidate = &candidate;
    choice.native = finish_name(candidate.finish_reason.raw);

    Survey survey(choice);
    PartWalk seen = walk(candidate, thoughts, survey);

    choice.finish = finish_of(choice.native, seen.saw_tool_call(),
        seen.saw_output());

    return choice;
}

/// The candidates in the order of their indexes, as clients read them; of two
/// with one index the first.
class Choices {
public:
    Choices(const List<gemini::Candidate> &candidates, Thoughts thoughts)
    {
        for (const gemini::Candidate &candidate : candidates) {
            if (candidate.index < max_index && !has(candidate.index)) {
                choices_[size_++] = choice_of(candidate, thoughts);
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

void write_message(const Choice &choice, Thoughts thoughts, CallIds &ids,
    json::Writer &writer)
{
    const gemini::Candidate &candidate = *choice.candidate;
    Output &out = writer.out();

    writer.begin_object();
    writer.key("role").raw("\"assistant\"");
    writer.key("content");

    // Clients crash on a null without tool calls beside it.
    if (choice.has_content || !choice.has_tool_calls) {
        ContentSink sink(out);
        writer.raw("\"");
        walk(candidate, thoughts, sink);
        sink.join.end(out);
        out.append('"');

    } else {
        writer.null();
    }

    writer.key("refusal").null();

    if (choice.has_reasoning) {
        ReasoningSink sink(out);
        writer.key("reasoning_content").raw("\"");
        walk(candidate, thoughts, sink);
        sink.join.end(out);
        out.append('"');
    }

    if (choice.has_tool_calls) {
        ToolCallSink sink(writer, ids);
        writer.key("tool_calls").begin_array();
        walk(candidate, thoughts, sink);
        writer.end_array();
    }

    if (choice.has_images) {
        ImageSink sink(writer);
        writer.key("images").begin_array();
        walk(candidate, thoughts, sink);
        writer.end_array();
    }

    if (!choice.signature.empty()) {
        writer.key("extra_content");
        openai::write_signature(choice.signature, writer);
    }

    writer.end_object();
}

void write_finish(std::string_view reason, std::string_view native,
    std::string_view message, json::Writer &writer)
{
    writer.key("logprobs").null();
    writer.key("finish_reason").string(reason);
    openai::write_native_finish(native, message, writer.out());
}

void write_choice(const Choice &choice, Thoughts thoughts, CallIds &ids,
    json::Writer &writer)
{
    writer.begin_object();
    writer.key("index").number(choice.candidate->index);
    writer.key("message");
    write_message(choice, thoughts, ids, writer);
    write_finish(choice.finish.reason, choice.native,
        choice.candidate->finish_message.raw, writer);
    writer.end_object();
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

    Choices choices(answer.candidates, options.thoughts);

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

    openai::write_head(options.head, "chat.completion", out);

    for (const Choice &choice : choices) {
        write_choice(choice, options.thoughts, ids, writer);
    }

    write_tail(reply.outcome.usage, out);
    reply.outcome.finish_reason = choices.begin()->finish.reason;

    return reply;
}

}
