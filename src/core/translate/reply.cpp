#include "core/translate/reply.hpp"

#include "core/gemini/error.hpp"
#include "core/gemini/usage.hpp"
#include "core/json/writer.hpp"
#include "core/translate/logprobs.hpp"
#include "core/translate/whole_choice.hpp"

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

        using Each = const WholeChoice &;

        std::sort(begin(), end(), [](Each a, Each b) {
            return a.candidate->index < b.candidate->index;
        });
    }

    WholeChoice *begin() { return choices_.data(); }
    WholeChoice *end() { return choices_.data() + size_; }

    bool any(FinishKind kind)
    {
        return std::any_of(begin(), end(), [kind](const WholeChoice &choice) {
            return choice.finish.kind == kind;
        });
    }

private:
    bool has(std::int64_t index)
    {
        return std::any_of(begin(), end(), [index](const WholeChoice &choice) {
            return choice.candidate->index == index;
        });
    }

    static constexpr auto max_index = std::int64_t{max_choices};

    std::array<WholeChoice, max_choices> choices_{};
    std::size_t size_ = 0;
};

void write_finish(std::string_view reason, std::string_view native,
    std::string_view message, json::Writer &writer)
{
    writer.key("finish_reason").string(reason);
    openai::write_native_finish(native, message, writer.out());
}

void write_text_choice(const WholeChoice &choice, const Writing &to)
{
    const TextForm &form = *to.options.text;

    to.writer.begin_object();
    to.writer.key("text");
    write_content(choice, to);
    to.writer.key("index").number(form.first_index + choice.candidate->index);
    to.writer.key("logprobs");

    if (to.options.logprobs) {
        std::int64_t offset = echo_length(form, to.arena);
        write_text_logprobs(choice.candidate->logprobs_result, offset,
            to.arena, to.writer);
    } else {
        to.writer.null();
    }

    write_finish(choice.finish.reason, choice.native,
        choice.candidate->finish_message.raw, to.writer);
    to.writer.end_object();
}

void write_choice(const WholeChoice &choice, const Writing &to)
{
    if (to.options.text) {
        write_text_choice(choice, to);
        return;
    }

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
    const ReplyOptions &options, json::Writer &writer)
{
    writer.begin_object();

    if (options.text) {
        writer.key("text").raw("\"");
        write_echo(*options.text, writer.out());
        writer.out().append('"');
        writer.key("index").number(options.text->first_index);
        writer.key("logprobs").null();
        write_finish("content_filter",
            block_name(feedback.block_reason.raw), {}, writer);
        writer.end_object();
        return;
    }

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

void write_head(const ReplyOptions &options, Output &out)
{
    if (!options.text) {
        openai::write_head(options.head, "chat.completion", out);

    } else if (options.text->first) {
        openai::write_head(options.head, "text_completion", out);

    } else {
        out.append(',');
    }
}

void write_tail(const gemini::Usage &usage, const ReplyOptions &options,
    Output &out)
{
    if (options.text && !options.text->last) {
        return;
    }

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

    if (options.text) {
        reply.outcome.usage.add(options.text->before);
    }

    if (answer.candidates.empty() && answer.prompt_feedback
        && is_block(*answer.prompt_feedback))
    {
        json::Writer writer(out);

        write_head(options, out);
        write_blocked(*answer.prompt_feedback, options, writer);
        write_tail(reply.outcome.usage, options, out);
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
            const WholeChoice &first = *choices.begin();
            native = first.native;
            message = first.candidate->finish_message.decode(arena);
        }

        reply.state = ReplyState::empty;
        reply.error = empty_answer(native, message);

        return reply;
    }

    CallIds ids(options.id_seed, options.signatures);
    json::Writer writer(out);
    Writing to{options, ids, arena, writer};

    write_head(options, out);

    for (const WholeChoice &choice : choices) {
        write_choice(choice, to);
    }

    write_tail(reply.outcome.usage, options, out);
    reply.outcome.finish_reason = choices.begin()->finish.reason;

    return reply;
}

}
