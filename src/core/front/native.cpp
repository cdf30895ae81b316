#include "core/front/native.hpp"

#include "core/base/text.hpp"
#include "core/front/native_error.hpp"
#include "core/gemini/error_form.hpp"
#include "core/gemini/resource_names.hpp"
#include "core/gemini/vertex_path.hpp"
#include "core/openai/error.hpp"
#include "core/translate/finish.hpp"

#include <cstring>
#include <optional>

namespace gw::front {

namespace {

using translate::StreamEnd;
using translate::StreamState;

/// The parse of one event, its text not counted.
constexpr std::size_t max_scratch = 16 * 1024 * 1024;

/// Beyond an event's data: names of fields, comments.
constexpr std::size_t max_framing = 4096;

/// What an error object in a 200 stands for when it names no code.
constexpr int status_of_nameless_error = 500;

bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '-'
           || c == '_' || c == '=';
}

/// By the body's size, of which what can only be an inline medium counts as
/// one image. Usage corrects what this gets wrong.
std::int64_t estimate_tokens(std::string_view body)
{
    constexpr std::int64_t bytes_per_token = 4;
    constexpr std::int64_t per_medium = 1120;
    constexpr std::int64_t medium_from = 8192;

    std::int64_t bytes = 0;
    std::int64_t media = 0;
    std::int64_t run = 0;

    for (char c : body) {
        if (is_base64(c)) {
            ++run;
            continue;
        }

        media += run >= medium_from;
        bytes += run >= medium_from ? 1 : run + 1;
        run = 0;
    }

    return (bytes + run) / bytes_per_token + media * per_medium;
}

/// Counting costs none, nor does asking how far a film has come.
bool costs_tokens(Operation operation)
{
    return operation != Operation::count_tokens
           && operation != Operation::compute_tokens
           && operation != Operation::fetch_predict_operation;
}

/// Of a stream that is under way so many events go by unread, but for a glance:
/// what they say of usage the next one says again, with more in it. Should the
/// client leave, this many are missing.
constexpr int most_unread = 8;

/// Whether an event has what a stream does not say again. A member's name stands
/// in quotes; quotes in a text have a backslash before them, and then no name
/// ends like this.
bool says_more(std::string_view event)
{
    constexpr std::string_view names[] = {
        "finishReason\"", "functionCall\"", "error\"", "promptFeedback\""
    };

    const char *end = event.data() + event.size();
    const char *p = event.data();

    while ((p = static_cast<const char *>(std::memchr(p, '"',
                static_cast<std::size_t>(end - p)))) != nullptr)
    {
        ++p;

        if (p != end && (*p == 'f' || *p == 'e' || *p == 'p')) {
            std::string_view rest(p, static_cast<std::size_t>(end - p));

            for (std::string_view name : names) {
                if (starts_with(rest, name)) {
                    return true;
                }
            }
        }
    }

    return false;
}

}

Native::Native(const gemini::NativeRoute &route, std::string_view query,
    std::size_t max_event, std::pmr::memory_resource *memory)
    : route_(route), query_(query), events_(gemini::asks_for_events(query)),
      max_event_(max_event), memory_(memory), scratch_(memory, max_scratch),
      splitter_(max_event)
{
}

Result<void> Native::read(std::string_view body)
{
    body_ = body;
    names_ = gemini::names_in_request(body, gemini::Look::at_need,
        memory_).names;

    return {};
}

gemini::Apis Native::apis() const
{
    if (!route_.vertex.empty()) {
        return gemini::only(gemini::Api::vertex);
    }

    // It has no files and caches of these names.
    if (!names_.empty()) {
        return gemini::only(gemini::Api::gemini);
    }

    switch (route_.operation) {

    case Operation::generate_content:
    case Operation::stream_generate_content:
        return gemini::every_api;

    case Operation::count_tokens:
        // The form that wraps a whole request is the Gemini API's alone.
        return body_.find("\"generateContentRequest\"")
                   == std::string_view::npos
            ? gemini::every_api : gemini::only(gemini::Api::gemini);

    default:
        return gemini::only(gemini::Api::gemini);
    }
}

gemini::Place Native::named_place() const
{
    return route_.operation == Operation::fetch_predict_operation
        ? gemini::place_of_operation(body_) : gemini::Place();
}

gemini::VertexRoute Native::vertex_route() const
{
    gemini::VertexRoute route;

    route.operation = route_.operation;
    route.model = route_.model;
    route.version = route_.vertex.empty() ? gemini::vertex_beta_version
                                          : route_.vertex;

    return route;
}

Result<void> Native::write_body(std::string_view, gemini::Api,
    Output &out)
{
    out.append_lasting(body_);

    if (costs_tokens(route_.operation)) {
        tokens_ = estimate_tokens(body_);
    }

    return {};
}

void Native::write_path(std::string_view model,
    const gemini::Place &place, Output &out) const
{
    if (place.api == gemini::Api::vertex) {
        gemini::write_vertex_path(vertex_route(), model, place, out);
        gemini::write_native_query(query_, out);
        return;
    }

    gemini::write_native_path(route_, model, query_, out);
}

std::vector<std::string_view> Native::resources() const
{
    // Vertex AI knows nothing by these names.
    if (!route_.vertex.empty()) {
        return {};
    }

    return {names_.begin(), names_.end()};
}

Whole Native::whole(std::string_view body, bool, Output &out)
{
    std::string_view text = trim(body);

    if (text.empty() || text.front() == '<' || !take(text)) {
        (void) fail(ErrorKind::upstream_failed,
            "The upstream's answer cannot be read.");
        return Whole::failed;
    }

    if (has_upstream_error_) {
        return Whole::failed;
    }

    out.append_lasting(body);
    return Whole::written;
}

StreamState Native::feed(std::string_view bytes, Output &out)
{
    while (state_ != StreamState::failed) {
        std::string_view before = bytes;
        std::string_view data;
        sse::Splitter::Step step = splitter_.next(bytes, data);

        pending_.append(before.substr(0, before.size() - bytes.size()));

        if (step == sse::Splitter::Step::too_large
            || pending_.size() > max_event_ + max_framing)
        {
            return fail(ErrorKind::upstream_failed,
                "The upstream sent an event that is too large.");
        }

        if (step == sse::Splitter::Step::more) {
            pass_framing(out);
            return state_;
        }

        if (!take(data)) {
            return fail(ErrorKind::upstream_failed,
                "The upstream sent an event that cannot be read.");
        }

        // Of a CRLF the splitter leaves the LF for later; clients wait for
        // it.
        if (!bytes.empty() && bytes.front() == '\n'
            && pending_.back() == '\r')
        {
            std::string_view line_feed = bytes.substr(0, 1);

            (void) splitter_.next(line_feed, data);
            bytes.remove_prefix(1);
            pending_ += '\n';
        }

        if (state_ == StreamState::started) {
            out.append(pending_);
            pending_.clear();
        }
    }

    return state_;
}

StreamState Native::finish(StreamEnd end, Output &out)
{
    if (state_ == StreamState::failed) {
        return state_;
    }

    if (end == StreamEnd::timed_out) {
        return fail(ErrorKind::timeout,
            "The upstream stopped sending its answer.");
    }

    if (end == StreamEnd::cut) {
        return fail(ErrorKind::truncated,
            "The upstream's answer ended unexpectedly.");
    }

    std::string_view data;

    if (splitter_.finish(data) != sse::Splitter::Step::more) {
        unread_ = most_unread;
        (void) take(data);
    }

    if (state_ == StreamState::quiet) {
        empty_ = true;
        return fail(ErrorKind::upstream_failed,
            "The upstream's answer is empty.");
    }

    if (state_ == StreamState::started) {
        out.append(pending_);
        pending_.clear();
    }

    return state_;
}

bool Native::accept_empty(Output &out)
{
    std::string_view text = trim(pending_);

    // "[]" is an answer, a page is none.
    if (!empty_ || text.empty() || text.front() == '<') {
        return false;
    }

    out.append(pending_);
    pending_.clear();
    state_ = StreamState::started;

    return true;
}

void Native::write_error_event(const Error &error, Output &out) const
{
    if (has_upstream_error_ && error.kind != ErrorKind::credentials_failed) {
        append_hidden(pending_, secret_, out);

    } else {
        out.append(events_ ? std::string_view("data: ")
                           : std::string_view(",\r\n"));
        gemini::write_error(error, openai::status_of(error.kind), out);

        if (events_) {
            out.append("\r\n\r\n");
        }
    }

    if (!events_) {
        out.append("\n]");
    }
}

int Native::write_error(const Error &error,
    const gemini::UpstreamError *reason, std::string_view body,
    Output &out) const
{
    return write_native_error(error, reason,
        body.empty() ? std::string_view(error_text_) : body, secret_, out);
}

void Native::start_over()
{
    scratch_.reset();
    splitter_ = sse::Splitter(max_event_);
    state_ = StreamState::quiet;
    pending_.clear();
    empty_ = false;
    unread_ = 0;
    has_upstream_error_ = false;
    upstream_error_ = {};
    error_text_.clear();
    error_ = {};
    outcome_ = {};
    usage_ = {};
    called_ = false;
}

/// One event's data, or a whole body. false: it is broken JSON, which before
/// anything has gone out is reason for another try.
bool Native::take(std::string_view data)
{
    data = trim(data);

    if (data.empty() || (data.front() != '{' && data.front() != '[')) {
        return true;
    }

    if (state_ == StreamState::started && data.front() == '{'
        && ++unread_ < most_unread && !says_more(data))
    {
        return true;
    }

    unread_ = 0;
    scratch_.reset();
    gemini::GenerateReply reply;
    bool read = data.front() == '{'
        && static_cast<bool>(gemini::parse(data, scratch_, reply));

    // What is nested deeper than we read is not broken.
    if (!read && state_ == StreamState::quiet && data.front() == '{'
        && !is_complete(data))
    {
        return false;
    }

    bool failed = read ? reply.error.present()
        : gemini::parse_error(status_of_nameless_error, data).json;

    if (failed) {
        upstream_error_ = gemini::parse_error(status_of_nameless_error,
            data);
        has_upstream_error_ = true;
        error_text_ = data;
        error_ = gemini::classify(upstream_error_, std::nullopt,
            secret_).error;
        state_ = StreamState::failed;
        return true;
    }

    state_ = StreamState::started;

    if (read) {
        note(reply);
    }

    return true;
}

void Native::note(const gemini::GenerateReply &reply)
{
    if (reply.usage) {
        usage_.update(*reply.usage);
        outcome_.usage = gemini::usage_of(usage_);
        outcome_.has_usage = true;
    }

    for (const gemini::Candidate &candidate : reply.candidates) {
        if (candidate.index == 0) {
            note_finish(candidate);
        }
    }

    if (reply.candidates.empty() && reply.prompt_feedback
        && translate::is_block(*reply.prompt_feedback))
    {
        outcome_.finish_reason = "content_filter";
    }
}

void Native::note_finish(const gemini::Candidate &candidate)
{
    for (const gemini::ReplyPart &part : candidate.content.parts) {
        called_ = called_ || part.function_call.has_value();
    }

    std::string_view name = translate::finish_name(
        candidate.finish_reason.raw);

    if (!name.empty()) {
        outcome_.finish_reason = translate::finish_of(name, called_,
            true).reason;
    }
}

/// What only closes the last event need not wait for the next one.
void Native::pass_framing(Output &out)
{
    if (state_ != StreamState::started) {
        return;
    }

    std::size_t end = pending_.find_first_not_of(
        events_ ? std::string_view("\r\n") : std::string_view("\r\n ]"));

    if (end == std::string::npos) {
        end = pending_.size();
    }

    out.append(std::string_view(pending_).substr(0, end));
    pending_.erase(0, end);
}

StreamState Native::fail(ErrorKind kind, std::string_view message)
{
    error_ = {};
    error_.kind = kind;
    error_.message = message;
    state_ = StreamState::failed;

    return state_;
}

}
