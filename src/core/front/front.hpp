// A front is a client's dialect: it reads the client's request, says what to
// ask upstream, and writes the answer in the client's form. The glue drives
// one object per request through this interface and knows no dialect.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/output.hpp"
#include "core/base/result.hpp"
#include "core/gemini/api.hpp"
#include "core/gemini/error.hpp"
#include "core/translate/outcome.hpp"
#include "core/translate/request.hpp"
#include "core/translate/stream.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::front {

/// Where thought signatures are kept for clients that send back only the id of
/// a call. What one client's calls carried no other finds.
struct Signatures {
    virtual void keep(std::string_view call_id,
        std::string_view signature) = 0;
    /// false: none is known.
    virtual bool find(std::string_view call_id, std::string &signature) = 0;

protected:
    ~Signatures() = default;
};

/// What the place and the moment contribute. The views outlive the front.
struct Setting {
    translate::Thoughts thoughts = translate::Thoughts::field;
    const gemini::SafetySetting *safety = nullptr;
    std::size_t safety_count = 0;
    std::size_t max_event = 0;          // bytes, one stream event, or what
                                        // is held of several answers
    std::int64_t now_sec = 0;           // Unix
    std::string_view request_id;        // random, unguessable, [0-9a-f]{32}
    Signatures *signatures = nullptr;   // null: nothing is kept
};

/// What an answer says of something that is kept upstream. seen: who made it
/// may be known better than by this.
struct Learned {
    enum class How : std::uint8_t { made, seen, gone };

    std::string name;
    How how = How::seen;
    std::int64_t expires_ms = 0;        // Unix
};

/// Which of what is kept upstream a client is shown in a list.
struct Holdings {
    /// project: that has listed it.
    virtual bool shows(std::string_view name, std::uint64_t project,
        std::int64_t expires_ms) = 0;

protected:
    ~Holdings() = default;
};

/// What came of a whole answer.
enum class Whole : std::uint8_t {
    written,        // the client's answer is in `out`, or its last part
    more,           // what is in `out` is kept; upstream is asked again, with
                    // a new path (another page) and, where there was one, a
                    // new body (the next part of the input, the next prompt)
    empty,          // nothing came; another try may help; error() otherwise
    failed          // an error in a 2xx; upstream_error() or error()
};

/// Whether a body that no framing ends has all it needs: its JSON is closed.
bool is_complete(std::string_view body);

/// Strings returned are valid as long as the front, unless said otherwise.
class Front {
public:
    virtual ~Front() = default;

    /// Takes the client's body, which outlives the front. Errors are the
    /// client's.
    virtual Result<void> read(std::string_view body) = 0;

    /// What the client asked for, decoded; empty when it names no model.
    virtual std::string_view requested_model() const = 0;

    /// Whether the answer goes out as a stream of events.
    virtual bool streams() const = 0;

    /// The APIs that can serve the request, once it is read.
    virtual gemini::Apis apis() const { return gemini::every_api; }

    /// Where on Vertex AI that lies which the request names: a credential of
    /// another place does not know it. Empty: it names none, or nobody has
    /// read it yet.
    virtual gemini::Place named_place() const { return {}; }

    /// Writes the upstream body for the model in the words of one of apis().
    /// Slices of the client's body may be referred to. Errors are the
    /// client's.
    virtual Result<void> write_body(std::string_view model, gemini::Api api,
        Output &out) = 0;

    /// Upstream has refused a thought signature: from now on write_body trusts
    /// none. false: that was so already, or there is none to distrust.
    virtual bool distrust_signatures() { return false; }

    /// Writes the upstream path and query, from the version on.
    virtual void write_path(std::string_view model,
        const gemini::Place &place, Output &out) const = 0;

    /// Another model than the one asked for serves the request: answers name
    /// it. Empty: the one asked for. Outlives the front.
    virtual void serve_as(std::string_view) {}

    /// No other model may serve the request: answers of two cannot be compared.
    virtual bool keeps_model() const { return false; }

    /// The credential of the coming try: nothing of an error that goes to the
    /// client may hold it. Outlives the try.
    virtual void hide(std::string_view) {}

    /// What is kept upstream and the request is about, or uses, once it is
    /// read: "files/abc".
    virtual std::vector<std::string_view> resources() const { return {}; }

    /// It makes something that upstream keeps. What one client makes should
    /// be of one project, so that it can be used together.
    virtual bool creates() const { return false; }

    /// What an answer that was written says of such things.
    virtual std::vector<Learned> learned() const { return {}; }

    /// The only project that can answer what is asked next; 0: any can.
    virtual std::uint64_t project() const { return 0; }

    /// That project cannot, now. more: project() is another. written: there
    /// is none left, and what the others have said is in `out`. failed: none
    /// has said anything.
    virtual Whole skip_project(Output &) { return Whole::failed; }

    /// false: the client's body goes upstream as it comes, unread.
    virtual bool reads_body() const { return true; }

    /// A field of the head of upstream's answer that is for the client too:
    /// its value there; empty: it is not. here: what the client's request
    /// line stands for, without a query, "https://host/path".
    virtual std::string head_field(std::string_view, std::string_view,
        std::string_view)
    {
        return {};
    }

    /// The HTTP method, for upstream.
    virtual std::string_view upstream_method() const = 0;

    /// Tokens the body last written will cost, roughly; 0: none.
    virtual std::int64_t estimated_tokens() const { return 0; }

    /// Tokens of that body as upstream has counted them; nullopt: it did not
    /// say. outcome() is of the whole request.
    virtual std::optional<std::int64_t> counted_tokens() const
    {
        return outcome().has_usage
            ? std::make_optional(outcome().usage.prompt_tokens)
            : std::nullopt;
    }

    /// A whole 2xx body. last_try: there will be no other, so an answer with
    /// nothing in it is written as it is, where that makes sense.
    virtual Whole whole(std::string_view body, bool last_try,
        Output &out) = 0;

    /// A stream's bytes; only when streams(). See translate::ChatStream.
    virtual translate::StreamState feed(std::string_view, Output &)
    {
        return translate::StreamState::failed;
    }

    virtual translate::StreamState finish(translate::StreamEnd, Output &)
    {
        return translate::StreamState::failed;
    }

    /// After empty(): writes what an empty answer is for a client that gets
    /// no other try. false: answer error().
    virtual bool accept_empty(Output &) { return false; }

    /// The status of a whole answer, which is the client's too; 0: it is an
    /// error.
    virtual int status_for(int upstream) const
    {
        return upstream < 300 ? 200 : 0;
    }

    /// The stream is a file: upstream's length is that of the answer, and a
    /// failure in the middle cannot be told, the connection breaks off.
    virtual bool passes_file() const { return false; }

    /// An error where the answer had begun, as the stream's last word.
    virtual void write_error_event(const Error &error,
        Output &out) const = 0;

    /// An error as a whole answer; returns its status. reason: upstream's
    /// error behind it, with the body that had it, which is empty when it was
    /// read by this front; null: there is none.
    virtual int write_error(const Error &error,
        const gemini::UpstreamError *reason, std::string_view body,
        Output &out) const;

    /// Whether comments may go between a stream's events while nothing comes.
    virtual bool takes_comments() const { return streams(); }

    /// Before another try: forgets what the last one answered.
    virtual void start_over() {}

    /// After failed or empty.
    virtual bool empty() const { return false; }
    virtual const gemini::UpstreamError *upstream_error() const
    {
        return nullptr;
    }
    virtual const Error &error() const = 0;

    /// Upstream's error, as it will be shown, in terms of the client's request
    /// instead of upstream's.
    virtual void explain(const gemini::UpstreamError &, Error &) const {}

    virtual const translate::Outcome &outcome() const = 0;
};

}
