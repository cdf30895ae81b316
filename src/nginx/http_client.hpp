// The small HTTP/1.1 client for calls of our own, beside requests: one
// request on one connection, with one deadline over all of it.
#pragma once

#include "core/http/response.hpp"
#include "nginx/conf.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace gw::ngx {

/// Where to call: addresses resolved at configuration, TLS.
struct HttpServer {
    const Target *target = nullptr;         // bound
    TlsConf *tls = nullptr;                 // with a target of https
};

struct HttpRequest {
    HttpServer server;
    std::string_view method = "GET";
    std::string path;               // behind the target's own; holds no secret
    std::string fields;             // "name: value\r\n" each; wiped when sent
    std::string body;               // wiped too
    ngx_msec_t timeout = 10000;     // connecting, TLS and all else
    std::size_t max_body = 65536;   // of the answer
    /// Whether a worker that ends waits for it.
    bool holds_worker = false;
};

/// What came of it. Without a whole answer there is a problem instead.
struct HttpReply {
    int status = 0;
    std::string body;
    std::string retry_after;        // the field's value; empty: none
    std::string date;               // likewise
    std::string problem;            // in words, without a secret
    ngx_msec_t took = 0;

    bool ok() const { return problem.empty(); }
};

/// One call. Its end closes the connection, wherever it is. Servers of a group
/// are tried in turn, beginning anywhere, until one takes the connection.
class HttpCall {
public:
    using Done = std::function<void(const HttpReply &)>;

    HttpCall();
    ~HttpCall();

    HttpCall(const HttpCall &) = delete;
    HttpCall &operator=(const HttpCall &) = delete;

    /// Once. done is called once, never from within this; the call may be
    /// destroyed from within it.
    void start(HttpRequest request, ngx_log_t *log, Done done);

private:
    struct Link;

    std::unique_ptr<Link> link_;
};

}
