// What the module knows of one request, from the access phase to the log.
#pragma once

#include "core/front/front.hpp"
#include "core/front/models.hpp"
#include "core/keys/clients.hpp"
#include "core/openai/route.hpp"
#include "nginx/chain_output.hpp"
#include "nginx/client_holdings.hpp"
#include "nginx/conf.hpp"
#include "nginx/framing.hpp"
#include "nginx/glue.hpp"
#include "nginx/request_memory.hpp"
#include "nginx/signatures.hpp"
#include "nginx/zone.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::ngx {

/// The most credentials one request may try: `tries` is bounded by it.
constexpr std::size_t max_tries = 32;

/// The tries of one request: which credential goes out next, and what stands
/// behind our peer callbacks (upstream_peer.cpp).
struct Tries {
    std::size_t tried[max_tries];
    std::size_t tried_count = 0;
    std::size_t credential = keys::Choice::nobody;
    ngx_uint_t attempts = 0;        // connections asked for
    ngx_uint_t earlier = 0;         // the same, for questions before this one
    ngx_uint_t again = 0;           // retries that blame no credential
    ngx_uint_t upstream_status = 0; // of the try that is being given up
    bool open = false;              // begin_try without its end_try
    bool moving_on = false;         // the next get takes a new credential
    bool unreached = false;         // the last one's target took no connection
    bool reserved = false;          // the quota is charged, nothing sent yet
    keys::Reservation reservation;  // of the last try

    ngx_event_get_peer_pt get = nullptr;
    ngx_event_free_peer_pt free = nullptr;
    ngx_event_set_peer_session_pt set_session = nullptr;
    ngx_event_save_peer_session_pt save_session = nullptr;
    void *data = nullptr;
};

/// An upstream body that is read whole before anything is decided.
struct HeldBody {
    u_char *start = nullptr;
    std::size_t size = 0;
    std::size_t capacity = 0;
    bool cut_short = false;         // more came than is kept

    std::string_view view() const
    {
        return {reinterpret_cast<const char *>(start), size};
    }
};

/// A field of the head of upstream's answer.
struct HeadField {
    std::string name;
    std::string value;
};

/// The client's answer as far as upstream's answers have come.
struct AnswerParts {
    ngx_chain_t *first = nullptr;
    ngx_chain_t *last = nullptr;
    off_t size = 0;
};

/// What the metrics keep of a request (metrics.cpp).
struct Counting {
    std::size_t credential = keys::Choice::nobody;  // of the last try
    std::string_view model;         // likewise
    bool trying = false;            // it has not been told to have ended
    bool streaming = false;         // among the open streams
};

struct RequestContext;

/// The timer of a silent stream. The event comes first: it is what the
/// callback is given, and its `data` must look like a connection.
struct KeepAliveTimer {
    ngx_event_t event;
    RequestContext *ctx;
};

/// A request that waits for a credential to come back (wait.cpp).
struct Waiting {
    ngx_event_t event;              // first, as in KeepAliveTimer
    RequestContext *ctx;
    ngx_msec_t until;               // ngx_current_msec; 0: has not waited
    ngx_msec_t token_until;         // likewise, for an access token
    bool in_header;                 // an upstream answer is held meanwhile
    bool give_byte;                 // what stands in for recv hands one out
    ngx_recv_pt recv;               // the connection's own
};

struct RequestContext {
    explicit RequestContext(ngx_http_request_t *request);
    ~RequestContext();

    RequestContext(const RequestContext &) = delete;
    RequestContext &operator=(const RequestContext &) = delete;

    ngx_http_request_t *r;
    LocationConf *conf;
    RequestMemory memory;

    // who and what
    ngx_str_t request_line{};       // before ?key= was hidden in it
    std::string query_key;          // the value of ?key=
    bool admitted = false;          // the access phase has counted it
    const keys::Client *client = nullptr;
    keys::LimitRecord *client_limits = nullptr;
    std::optional<openai::Operation> operation;
    std::string_view request_id;
    std::string_view requested_model;
    std::string_view model;         // upstream's id, of the coming try
    std::string_view first_model;   // the one asked for, upstream's id
    gemini::Api api{};              // of the coming try's credential
    std::string_view body_model;    // what `body` was written for
    gemini::Api body_api{};         // likewise
    std::uint64_t project = 0;      // only credentials of it will do; 0: any
    std::string_view needed;        // of what it has stored, the name
    bool seeks = false;             // names what is not known to be any's
    std::vector<std::uint64_t> homes;       // home_projects()
    std::optional<ClientHoldings> holdings; // of a list
    std::string here;               // of an upload: where the client has come
    ngx_uint_t fallback = 0;        // how many of gemini_fallback were turned
                                    // to
    std::optional<ClientSignatures> signatures;
    front::Front *front = nullptr;
    front::Models *models = nullptr;    // the same, when it is that one

    // upstream
    Tries tries;
    keys::Token token;              // of an account: what the last try had;
                                    // wiped at the end
    bool token_renewed = false;     // it was tried again with another one
    ngx_chain_t *body = nullptr;    // translated
    off_t body_size = 0;
    ngx_http_status_t status{};     // parser state
    Framing framing;
    void *read_buffer = nullptr;    // of u->buffer; recycled
    std::size_t read_buffer_size = 0;
    HeldBody held;
    std::optional<std::int64_t> retry_after_ms;     // the header's
    std::string content_type;       // the header's
    bool json_body = false;         // says it
    std::vector<HeadField> head_fields;     // that the client gets too

    // towards the client
    std::optional<StreamOutput> out;    // a stream's events
    ngx_chain_t *answer = nullptr;  // a whole body
    AnswerParts parts;              // what it begins with, when it takes
                                    // several answers of upstream
    bool own_answer = false;        // what goes out is ours: no error page
    bool head_sent = false;         // sent early, by keep_alive.cpp
    bool skip_byte = false;         // see upstream_body.cpp
    bool ended = false;             // the answer is complete
    bool broken = false;            // and nothing can tell the client why
    KeepAliveTimer keep_alive{};
    Waiting waiting{};
    ngx_msec_t last_sent = 0;
    std::int64_t first_token_ms = -1;   // since the request began
    Counting counting;

    // what the client is told when nginx answers with an error status
    std::optional<Error> error;
    ngx_chain_t *replacement = nullptr; // error_pages.cpp

    std::string_view error_code() const;

    PoolZone &zone() { return *conf->pool->zone; }
    keys::Pool &pool() { return zone().pool; }
};

/// The request's context; nullptr: none yet.
RequestContext *context_of(ngx_http_request_t *r);

/// The same, made when missing; nullptr: out of memory. A context that an
/// internal redirect has taken off the request is found again.
RequestContext *need_context(ngx_http_request_t *r);

}
