// Model: ngx_event_openssl_stapling.c, which asks OCSP responders in the same
// way.
#include "nginx/http_client.hpp"

#include "core/base/text.hpp"
#include "core/keys/wipe.hpp"
#include "nginx/glue.hpp"
#include "nginx/log.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace gw::ngx {

namespace {

constexpr std::size_t pool_size = 1024;
constexpr std::size_t read_size = 4096;
constexpr std::size_t max_head = 16384;
// So much of an answer in one round of events.
constexpr int most_reads = 16;

/// Those that a request would be sent to; those for emergencies last.
std::vector<const ngx_addr_t *> addresses_of(const Target &target)
{
    std::vector<const ngx_addr_t *> found;
    const ngx_http_upstream_srv_conf_t *group = target.group;

    if (group == nullptr || group->servers == nullptr) {
        return found;
    }

    auto *servers = static_cast<ngx_http_upstream_server_t *>(
        group->servers->elts);
    std::size_t regular = 0;

    for (bool backup : { false, true }) {
        for (ngx_uint_t i = 0; i < group->servers->nelts; ++i) {
            if (servers[i].down || bool(servers[i].backup) != backup) {
                continue;
            }

            for (ngx_uint_t j = 0; j < servers[i].naddrs; ++j) {
                found.push_back(&servers[i].addrs[j]);
            }
        }

        regular = backup ? regular : found.size();
    }

    if (regular > 1) {
        auto first = static_cast<std::ptrdiff_t>(
            static_cast<std::size_t>(ngx_random()) % regular);

        std::rotate(found.begin(), found.begin() + first,
            found.begin() + static_cast<std::ptrdiff_t>(regular));
    }

    return found;
}

bool is_address(const ngx_str_t &host)
{
    return host.len == 0 || host.data[0] == '['
           || ngx_inet_addr(host.data, host.len) != INADDR_NONE;
}

}

struct HttpCall::Link {
    Link(HttpRequest what, ngx_log_t *log, Done callback);
    ~Link();

    Link(const Link &) = delete;
    Link &operator=(const Link &) = delete;

    void connect();
    void connect_next();
    void connected();
    void secure();
    void secured();
    void begin_sending();
    void send();
    void receive();
    void fail(std::string problem);
    void finish(HttpReply reply);
    void release();
    void close();
    void write_request();

    // What nginx calls. Nothing of the link is touched behind body().
    template <typename Body>
    static void run(Link &link, Body body) noexcept;

    static void on_read(ngx_event_t *ev);
    static void on_write(ngx_event_t *ev);
    static void on_timer(ngx_event_t *ev);
    static void on_handshake(ngx_connection_t *c);
    static u_char *log_context(ngx_log_t *log, u_char *buf, size_t len);

    enum class State { connecting, securing, sending, receiving, over };

    HttpRequest request;
    Done done;
    State state = State::connecting;
    std::vector<const ngx_addr_t *> addresses;
    std::size_t next_address = 0;
    http::ResponseReader reader;
    std::string text;               // to be sent
    std::size_t sent = 0;
    ngx_msec_t began = ngx_current_msec;
    std::string refusal;            // of the last address

    ngx_pool_t *pool = nullptr;     // of the connection
    ngx_peer_connection_t peer{};
    ngx_connection_t *c = nullptr;
    ngx_event_t timer{};
    ngx_connection_t dummy{};       // debug logging looks at the timer's fd
    ngx_log_t log;
    ngx_log_t *parent_log;
};

HttpCall::Link::Link(HttpRequest what, ngx_log_t *parent, Done callback)
    : request(std::move(what)),
      done(std::move(callback)),
      reader(max_head, request.max_body),
      log(*parent),
      parent_log(parent)
{
    log.handler = log_context;
    log.data = this;
    log.action = const_cast<char *>("calling");

    dummy.fd = static_cast<ngx_socket_t>(-1);
    dummy.data = this;
    timer.data = &dummy;
    timer.handler = on_timer;
    timer.log = &log;
    timer.cancelable = request.holds_worker ? 0 : 1;
}

HttpCall::Link::~Link()
{
    release();
    keys::wipe(text);
    keys::wipe(request.fields);
    keys::wipe(request.body);
}

u_char *HttpCall::Link::log_context(ngx_log_t *log, u_char *buf, size_t len)
{
    auto *link = static_cast<Link *>(log->data);

    return ngx_snprintf(buf, len, " while %s, gemini call to \"%V\"",
        log->action, &link->request.server.target->url);
}

template <typename Body>
void HttpCall::Link::run(Link &link, Body body) noexcept
{
    ngx_log_t *log = link.parent_log;

    guarded(log, false, [&]() {
        try {
            body();

        } catch (const std::bad_alloc &) {
            // Where there was no memory the link is still there.
            link.fail("out of memory");
        }

        return true;
    });
}

void HttpCall::Link::on_read(ngx_event_t *ev)
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    auto *link = static_cast<Link *>(c->data);

    run(*link, [c, link]() {
        if (c->close) {
            // worker_shutdown_timeout
            link->fail("nginx is shutting down");

        } else if (link->state == State::connecting) {
            link->connected();

        } else if (link->state != State::securing) {
            link->receive();
        }
    });
}

void HttpCall::Link::on_write(ngx_event_t *ev)
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    auto *link = static_cast<Link *>(c->data);

    run(*link, [link]() {
        if (link->state == State::connecting) {
            link->connected();

        } else if (link->state == State::sending) {
            link->send();
        }
    });
}

void HttpCall::Link::on_timer(ngx_event_t *ev)
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    auto *link = static_cast<Link *>(c->data);

    run(*link, [link]() {
        if (link->state == State::connecting && link->c == nullptr) {
            // Of start(), which tells nothing itself.
            link->fail(link->refusal);

        } else {
            link->fail(link->state == State::connecting
                ? "connecting timed out"
                : link->state == State::securing
                    ? "the TLS handshake timed out"
                    : "it does not answer in time");
        }
    });
}

// ---- connecting

void HttpCall::Link::connect()
{
    addresses = addresses_of(*request.server.target);
    write_request();

    ngx_add_timer(&timer, request.timeout);
    connect_next();

    if (c == nullptr) {
        ngx_del_timer(&timer);
        ngx_add_timer(&timer, 0);
    }
}

/// Without a connection then: none of the addresses is left.
void HttpCall::Link::connect_next()
{
    if (addresses.empty()) {
        refusal = "it has no address";
    }

    close();

    while (next_address < addresses.size()) {
        const ngx_addr_t *address = addresses[next_address++];

        pool = ngx_create_pool(pool_size, &log);

        if (pool == nullptr) {
            refusal = "out of memory";
            return;
        }

        peer = {};
        peer.sockaddr = address->sockaddr;
        peer.socklen = address->socklen;
        peer.name = const_cast<ngx_str_t *>(&address->name);
        peer.get = ngx_event_get_peer;
        peer.log = &log;
        peer.log_error = NGX_ERROR_INFO;
        log.action = const_cast<char *>("connecting");

        ngx_int_t rc = ngx_event_connect_peer(&peer);

        c = peer.connection;

        if (rc != NGX_OK && rc != NGX_AGAIN) {
            refusal = "no connection could be made";
            close();
            continue;
        }

        c->data = this;
        c->pool = pool;
        c->read->handler = on_read;
        c->write->handler = on_write;
        c->read->log = c->log;
        c->write->log = c->log;

        if (rc == NGX_OK) {
            // Goes on from the loop: nothing is told from within start().
            ngx_post_event(c->write, &ngx_posted_events);
        }

        return;
    }
}

void HttpCall::Link::connected()
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1) {
        error = ngx_socket_errno;
    }

    if (error != 0) {
        u_char words[NGX_MAX_ERROR_STR / 16];
        u_char *end = ngx_strerror(error, words, sizeof(words));

        refusal.assign(reinterpret_cast<char *>(words),
            reinterpret_cast<char *>(end));
        connect_next();

        if (c == nullptr) {
            fail(refusal);
        }

        return;
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        fail("its events cannot be had");
        return;
    }

    if (request.server.target->tls) {
        secure();
    } else {
        begin_sending();
    }
}

void HttpCall::Link::secure()
{
    const ngx_str_t &name = request.server.target->server_name;

    state = State::securing;
    log.action = const_cast<char *>("SSL handshaking");

    if (ngx_ssl_create_connection(&request.server.tls->ssl, c,
            NGX_SSL_BUFFER|NGX_SSL_CLIENT) != NGX_OK)
    {
        fail("TLS could not be begun");
        return;
    }

    // A name for SNI is a C string.
    if (!is_address(name)
        && SSL_set_tlsext_host_name(c->ssl->connection,
               std::string(view(name)).c_str()) == 0)
    {
        fail("TLS could not be begun");
        return;
    }

    ngx_int_t rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = on_handshake;
        return;
    }

    secured();
}

void HttpCall::Link::on_handshake(ngx_connection_t *c)
{
    auto *link = static_cast<Link *>(c->data);

    run(*link, [c, link]() {
        if (c->close) {
            link->fail("nginx is shutting down");
        } else {
            link->secured();
        }
    });
}

void HttpCall::Link::secured()
{
    if (!c->ssl->handshaked) {
        fail("the TLS handshake failed");
        return;
    }

    if (request.server.tls->verify) {
        long rc = SSL_get_verify_result(c->ssl->connection);
        ngx_str_t name = request.server.target->server_name;

        if (rc != X509_V_OK) {
            fail(std::string("its certificate is not accepted: ")
                + X509_verify_cert_error_string(rc));
            return;
        }

        if (ngx_ssl_check_host(c, &name) != NGX_OK) {
            fail("its certificate is another host's");
            return;
        }
    }

    // The handshake had its own.
    c->read->handler = on_read;
    c->write->handler = on_write;

    begin_sending();
}

// ---- asking

void HttpCall::Link::write_request()
{
    const Target &target = *request.server.target;

    text = request.method;
    text.append(" ").append(view(target.path)).append(request.path);
    text.append(" HTTP/1.1\r\nHost: ").append(view(target.host_header));
    text.append("\r\nUser-Agent: nginx-gemini\r\nConnection: close\r\n");

    if (!request.body.empty()) {
        text.append("Content-Length: ");
        text.append(std::to_string(request.body.size())).append("\r\n");
    }

    // What grows moves, and would leave the secret behind.
    text.reserve(text.size() + request.fields.size() + request.body.size() + 2);
    text.append(request.fields).append("\r\n").append(request.body);

    keys::wipe(request.fields);
    keys::wipe(request.body);
}

void HttpCall::Link::begin_sending()
{
    state = State::sending;
    log.action = const_cast<char *>("sending request");
    send();
}

void HttpCall::Link::send()
{
    while (sent < text.size()) {
        ssize_t n = c->send(c, reinterpret_cast<u_char *>(&text[sent]),
            text.size() - sent);

        if (n == NGX_AGAIN) {
            if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
                fail("its events cannot be had");
            }

            return;
        }

        if (n <= 0) {
            fail("the connection was lost");
            return;
        }

        sent += static_cast<std::size_t>(n);
    }

    keys::wipe(text);
    text.clear();
    sent = 0;
    state = State::receiving;
    log.action = const_cast<char *>("reading response");

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        fail("its events cannot be had");
        return;
    }

    receive();
}

void HttpCall::Link::receive()
{
    u_char bytes[read_size];

    for (int i = 0; i < most_reads; ++i) {
        ssize_t n = c->recv(c, bytes, sizeof(bytes));

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
                fail("its events cannot be had");
            }

            return;
        }

        if (n < 0) {
            fail("the connection was lost");
            return;
        }

        http::ResponseReader::State at = n == 0
            ? reader.close()
            : reader.feed({ reinterpret_cast<char *>(bytes),
                            static_cast<std::size_t>(n) });

        if (at == http::ResponseReader::State::failed) {
            fail(std::string(reader.problem()));
            return;
        }

        if (at == http::ResponseReader::State::done) {
            HttpReply reply;
            reply.status = reader.status();
            reply.body = reader.body();
            reply.retry_after = reader.retry_after();
            reply.date = reader.date();
            finish(std::move(reply));
            return;
        }
    }

    // Others have their turn first.
    ngx_post_event(c->read, &ngx_posted_events);
}

// ---- the end

void HttpCall::Link::fail(std::string problem)
{
    HttpReply reply;
    reply.problem = problem.empty() ? "it failed" : std::move(problem);
    finish(std::move(reply));
}

/// The link may be gone when it returns.
void HttpCall::Link::finish(HttpReply reply)
{
    if (state == State::over) {
        return;
    }

    release();
    state = State::over;
    reply.took = ngx_current_msec - began;

    // It may end the call, and this with it: its trouble is not ours.
    Done call = std::move(done);
    guarded(parent_log, false, [&]() {
        call(reply);
        return true;
    });
}

void HttpCall::Link::release()
{
    if (timer.timer_set) {
        ngx_del_timer(&timer);
    }

    close();
}

void HttpCall::Link::close()
{
    if (c != nullptr) {
        if (c->ssl != nullptr) {
            // Nobody waits for a goodbye.
            c->ssl->no_wait_shutdown = 1;
            c->ssl->no_send_shutdown = 1;
            static_cast<void>(ngx_ssl_shutdown(c));
        }

        ngx_close_connection(c);
        c = nullptr;
        peer.connection = nullptr;
    }

    if (pool != nullptr) {
        ngx_destroy_pool(pool);
        pool = nullptr;
    }
}

HttpCall::HttpCall() = default;
HttpCall::~HttpCall() = default;

void HttpCall::start(HttpRequest request, ngx_log_t *log, Done done)
{
    link_ = std::make_unique<Link>(std::move(request), log, std::move(done));
    link_->connect();
}

}
