#include "core/translate/stream.hpp"

#include "core/json/elements.hpp"
#include "core/openai/error.hpp"
#include "core/translate/finish.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace gw::translate {

namespace {

using Choice = StreamedChoice;

/// Upstream allows eight candidates; what has a higher index than this leaves
/// room for is not answered.
constexpr std::int64_t max_choices = 16;

/// The parse of one event, its text not counted: tens of thousands of parts.
constexpr std::size_t max_scratch = 16 * 1024 * 1024;

/// Longer ones, which upstream does not send, are not passed on.
constexpr std::size_t max_finish_reason = 128;
constexpr std::size_t max_finish_message = 2048;

/// What an error object in a 200 stands for when it names no code.
constexpr int status_of_nameless_error = 500;

bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void assign_bounded(std::pmr::string &to, std::string_view from,
    std::size_t max)
{
    if (from.size() <= max) {
        to.assign(from);
    } else {
        to.clear();
    }
}

}

ChatStream::ChatStream(const ReplyOptions &options, std::size_t max_event,
    std::pmr::memory_resource *memory)
    : options_(options), splitter_(max_event),
      chunk_(options.head, options.include_usage, memory,
          options.text ? openai::ChunkForm::text : openai::ChunkForm::chat),
      scratch_(memory, max_scratch), choices_(memory),
      call_ids_(options.id_seed, options.signatures)
{
}

StreamState ChatStream::feed(std::string_view bytes, Output &out)
{
    if (ended_ || state_ == StreamState::failed) {
        return state_;
    }

    if (!sniff(bytes)) {
        return fail(ErrorKind::upstream_failed,
            "The upstream answered with a web page instead of a stream.");
    }

    for (;;) {
        std::string_view data;

        switch (splitter_.next(bytes, data)) {

        case sse::Splitter::Step::more:
            return state_;

        case sse::Splitter::Step::too_large:
            return fail(ErrorKind::upstream_failed,
                "The upstream sent an event that is too large.");

        case sse::Splitter::Step::event:
        case sse::Splitter::Step::bare_json:
            break;
        }

        if (!take(data, out)) {
            return fail(ErrorKind::upstream_failed,
                "The upstream sent an event that cannot be read.");
        }

        if (state_ == StreamState::failed) {
            return state_;
        }
    }
}

StreamState ChatStream::finish(StreamEnd end, Output &out)
{
    if (ended_ || state_ == StreamState::failed) {
        return state_;
    }

    if (end == StreamEnd::timed_out) {
        return fail(ErrorKind::timeout,
            "The upstream stopped sending its answer.");
    }

    constexpr std::string_view cut
        = "The upstream's answer ended unexpectedly.";

    if (end == StreamEnd::cut) {
        return fail(ErrorKind::truncated, cut);
    }

    std::string_view data;

    if (splitter_.finish(data) != sse::Splitter::Step::more
        && !take(data, out))
    {
        return fail(ErrorKind::truncated, cut);
    }

    if (state_ == StreamState::failed) {
        return state_;
    }

    bool finished = std::all_of(choices_.begin(), choices_.end(),
        [](const Choice &choice) { return choice.finished; });

    if (!choices_.empty() && !finished) {
        empty_ = state_ == StreamState::quiet;
        return fail(ErrorKind::truncated, cut);
    }

    bool hopeless = std::all_of(choices_.begin(), choices_.end(),
        [](const Choice &choice) {
            return choice.finish().kind == FinishKind::retryable;
        });

    if (state_ == StreamState::quiet || hopeless) {
        return fail_empty();
    }

    write_ending(out);
    return state_;
}

void ChatStream::write_error(const Error &error, Output &out)
{
    if (ended_) {
        return;
    }

    openai::write_error_event(error, out);
    ended_ = true;
    state_ = StreamState::failed;
}

bool ChatStream::accept_empty(Output &out)
{
    bool tellable = std::any_of(choices_.begin(), choices_.end(),
        [](const Choice &choice) {
            return choice.finish().kind == FinishKind::wordless;
        });

    bool finished = std::all_of(choices_.begin(), choices_.end(),
        [](const Choice &choice) { return choice.finished; });

    if (!empty_ || ended_ || !tellable || !finished) {
        return false;
    }

    empty_ = false;
    error_ = {};
    write_ending(out);
    return true;
}

/// One event's data. false: it is no JSON though it begins like one. Scalars,
/// [DONE] among them, which some relays add, are nothing to us
/// (reference/pitfalls.md B5).
bool ChatStream::take(std::string_view data, Output &out)
{
    while (!data.empty() && is_space(data.front())) {
        data.remove_prefix(1);
    }

    if (data.empty()) {
        return true;
    }

    if (data.front() == '{') {
        // Some put two objects into the data lines of one event.
        return take_object(data, out)
               || (data.find('\n') != std::string_view::npos
                   && take_elements(data, out));
    }

    if (data.front() == '[') {
        return take_elements(data, out);
    }

    return true;
}

bool ChatStream::take_elements(std::string_view data, Output &out)
{
    json::Elements elements(data.size());
    std::string_view object;

    while (elements.next(data, object) == json::Elements::Step::object) {
        if (!take_object(object, out)) {
            return false;
        }

        if (state_ == StreamState::failed) {
            return true;
        }
    }

    return !elements.inside();
}

bool ChatStream::take_object(std::string_view text, Output &out)
{
    scratch_.reset();

    gemini::GenerateReply reply;

    if (!gemini::parse(text, scratch_, reply)) {
        return false;
    }

    if (reply.error.present()) {
        upstream_error_ = gemini::parse_error(status_of_nameless_error, text);
        has_upstream_error_ = true;
        error_ = gemini::classify(upstream_error_).error;
        state_ = StreamState::failed;
        return true;
    }

    if (reply.usage) {
        usage_.update(*reply.usage);
        outcome_.usage = gemini::usage_of(usage_);
        outcome_.has_usage = true;
    }

    for (const gemini::Candidate &candidate : reply.candidates) {
        take_candidate(candidate, out);
    }

    if (reply.candidates.empty() && reply.prompt_feedback
        && is_block(*reply.prompt_feedback))
    {
        take_block(*reply.prompt_feedback, out);
    }

    return true;
}

void ChatStream::take_candidate(const gemini::Candidate &candidate,
    Output &out)
{
    Choice *choice = choice_of(candidate.index);

    if (choice == nullptr) {
        return;
    }

    // The last one counts: some put one into every event, some put one before
    // the text (reference/pitfalls.md A1, A23).
    std::string_view native = finish_name(candidate.finish_reason.raw);

    if (!native.empty()) {
        choice->finished = true;
        assign_bounded(choice->native, native, max_finish_reason);
        assign_bounded(choice->message, candidate.finish_message.raw,
            max_finish_message);
    }

    ChunkTools with = tools();
    ChoiceChunks chunks(with, *choice, out);

    // A MAX_TOKENS without a word is an answer, and what comes with it too.
    if (choice->finished && finish_of(choice->native, false, false).kind
                                == FinishKind::normal)
    {
        chunks.start();
    }

    chunks.take(candidate);

    if (choice->finished && choice->finish().kind == FinishKind::normal) {
        chunks.start();
    }

    if (choice->role_sent) {
        state_ = StreamState::started;
    }

    saw_output_ = saw_output_ || choice->walk.saw_output();
}

void ChatStream::take_block(const gemini::PromptFeedback &feedback,
    Output &out)
{
    Choice *choice = choice_of(0);

    if (choice == nullptr || choice->blocked) {
        return;
    }

    choice->blocked = true;
    choice->finished = true;
    assign_bounded(choice->native, block_name(feedback.block_reason.raw),
        max_finish_reason);

    ChunkTools with = tools();
    ChoiceChunks(with, *choice, out).refusal(feedback);
    state_ = StreamState::started;
}

StreamedChoice *ChatStream::choice_of(std::int64_t index)
{
    if (index >= max_choices) {
        return nullptr;
    }

    for (Choice &choice : choices_) {
        if (choice.index == index) {
            return &choice;
        }
    }

    return &choices_.emplace_back(index, options_.rules(),
        choices_.get_allocator().resource());
}

/// false: the body begins like a web page.
bool ChatStream::sniff(std::string_view bytes)
{
    if (sniffed_) {
        return true;
    }

    for (char c : bytes) {
        constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

        if (is_space(c) || byte_order_mark.find(c) != std::string_view::npos) {
            continue;
        }

        sniffed_ = true;
        return c != '<';
    }

    return true;
}

StreamState ChatStream::fail(ErrorKind kind, std::string_view message)
{
    error_ = {};
    error_.kind = kind;
    error_.message = message;
    state_ = StreamState::failed;

    return state_;
}

StreamState ChatStream::fail_empty()
{
    std::string_view native;
    std::string_view message;

    if (!choices_.empty()) {
        const Choice &choice = choices_.front();
        native = choice.native;
        message = json::String(choice.message, true).decode(scratch_);
    }

    empty_ = state_ == StreamState::quiet;
    error_ = empty_answer(native, message);
    state_ = StreamState::failed;

    return state_;
}

void ChatStream::write_ending(Output &out)
{
    ChunkTools with = tools();

    for (Choice &choice : choices_) {
        ChoiceChunks(with, choice, out).end();

        Finish finish = choice.finish();
        chunk_.finish(choice.index, finish.reason, choice.native,
            choice.message, out);

        if (outcome_.finish_reason.empty()) {
            outcome_.finish_reason = finish.reason;
        }
    }

    if (options_.include_usage) {
        chunk_.usage(outcome_.usage, out);
    }

    chunk_.done(out);
    ended_ = true;
    state_ = StreamState::started;
}

ChunkTools ChatStream::tools()
{
    return {chunk_, options_, call_ids_, scratch_};
}

}
