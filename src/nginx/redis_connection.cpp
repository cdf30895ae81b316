// hiredis connects, formats, reads and writes; the events, the deadlines and
// the queue of who waits for which reply are ours. It is hiredis' plain
// interface on a non-blocking socket: its asynchronous one asserts that a
// server sends only what was asked for, and must not be freed from within its
// own callbacks.
#include "nginx/redis_connection_link.hpp"

#include "core/base/text.hpp"
#include "nginx/glue.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <utility>

namespace gw::ngx {

namespace {

// A subscribed connection that is silent for so long is asked.
constexpr ngx_msec_t silence_ms = 5000;

// No reply that we ask for is near to it.
constexpr std::size_t max_reply = 64 * 1024 * 1024;
constexpr std::size_t max_reason = 200;

struct FreeReply {
    void operator()(redisReply *reply) const { freeReplyObject(reply); }
};

using ReplyPointer = std::unique_ptr<redisReply, FreeReply>;

bool past(ngx_msec_t moment)
{
    return static_cast<ngx_msec_int_t>(ngx_current_msec - moment) >= 0;
}

}

RedisConnection::Link::Link(RedisConnection &connection)
    : owner(&connection),
      options(connection.options_),
      log(connection.log_),
      connect_by(ngx_current_msec + connection.options_.timeout)
{
    dummy.fd = static_cast<ngx_socket_t>(-1);
    dummy.data = this;
    timer.data = &dummy;
    timer.handler = on_timer;
    timer.log = log;
    timer.cancelable = 1;
}

template <typename Body>
void RedisConnection::Link::run(Link &link, Body body) noexcept
{
    std::shared_ptr<Link> self = link.shared_from_this();

    bool done = guarded(link.log, false, [&]() {
        body();

        if (link.state != State::closed) {
            link.arm();
        }

        return true;
    });

    if (!done) {
        guarded(link.log, false, [&]() {
            link.fail("out of memory");
            return true;
        });
    }
}

void RedisConnection::Link::on_read(ngx_event_t *ev)
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    auto *link = static_cast<Link *>(c->data);

    run(*link, [c, link]() {
        if (c->close) {
            // worker_shutdown_timeout
            link->fail("nginx is shutting down");

        } else if (link->state == State::securing) {
            link->handshake();

        } else {
            link->read();
        }
    });
}

void RedisConnection::Link::on_write(ngx_event_t *ev)
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    auto *link = static_cast<Link *>(c->data);

    run(*link, [link]() {
        if (link->state == State::connecting) {
            link->connected();

        } else if (link->state == State::securing) {
            link->handshake();

        } else {
            link->write();
        }
    });
}

void RedisConnection::Link::on_timer(ngx_event_t *ev)
{
    auto *c = static_cast<ngx_connection_t *>(ev->data);
    auto *link = static_cast<Link *>(c->data);

    run(*link, [link]() { link->check_deadlines(); });
}

// ---- commands and replies

void RedisConnection::Link::read()
{
    do {
        if (redisBufferRead(context) != REDIS_OK) {
            ERR_clear_error();
            fail(refusal.empty() ? context->errstr : refusal.c_str());
            return;
        }

        heard = ngx_current_msec;
        take_replies();

        // What TLS has decrypted already brings no event any more.
    } while (state != State::closed && ssl != nullptr
             && SSL_pending(ssl) > 0);
}

void RedisConnection::Link::take_replies()
{
    while (state != State::closed) {
        void *raw = nullptr;

        if (redisReaderGetReply(context->reader, &raw) != REDIS_OK) {
            fail(context->reader->err == REDIS_ERR_OOM
                ? "a reply is too large" : context->reader->errstr);
            return;
        }

        if (raw == nullptr) {
            if (context->reader->len > max_reply) {
                fail("a reply is too large");
            }

            return;
        }

        ReplyPointer reply(static_cast<redisReply *>(raw));
        take(*reply);
    }
}

void RedisConnection::Link::take(const redisReply &reply)
{
    if (state == State::subscribed && reply.type == REDIS_REPLY_ARRAY
        && reply.elements == 3 && is_text(*reply.element[0], "message"))
    {
        // It may close the connection, and is not to go while it runs.
        auto call = message;
        (*call)(reply_text(*reply.element[2]));
        return;
    }

    if (pending.empty()) {
        fail(is_error(reply) ? shown_error(reply) : "unexpected reply");
        return;
    }

    if (!is_error(reply)) {
        refusal.clear();
    }

    Reply call = std::move(pending.front().reply);
    pending.pop_front();

    if (call) {
        call(&reply);
    }
}

void RedisConnection::Link::write()
{
    int done = 0;

    if (redisBufferWrite(context, &done) != REDIS_OK) {
        ERR_clear_error();
        fail(context->errstr);

    } else if (done) {
        no_write();
    }
}

void RedisConnection::Link::send(
    const std::vector<std::string_view> &arguments, Reply reply)
{
    std::vector<const char *> data;
    std::vector<std::size_t> sizes;

    for (std::string_view argument : arguments) {
        data.push_back(argument.data() == nullptr ? "" : argument.data());
        sizes.push_back(argument.size());
    }

    pending.push_back({ ngx_current_msec + options.timeout,
                        std::move(reply) });

    if (redisAppendCommandArgv(context, static_cast<int>(data.size()),
            data.data(), sizes.data()) != REDIS_OK)
    {
        fail_soon("out of memory");
        return;
    }

    // Commands of one round of events leave together.
    want_write();
    arm();
}

// ---- events

// Level-triggered, for redisBufferRead() takes 16 KB at a time: the rest of a
// large reply would wait for the next packet.
void RedisConnection::Link::want_read()
{
    if (!c->read->active
        && ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        fail_soon("its events cannot be had");
    }
}

void RedisConnection::Link::want_write()
{
    if (!c->write->active
        && ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT)
           != NGX_OK)
    {
        fail_soon("its events cannot be had");
    }
}

void RedisConnection::Link::no_write()
{
    if (c->write->active
        && ngx_del_event(c->write, NGX_WRITE_EVENT, 0) != NGX_OK)
    {
        fail_soon("its events cannot be had");
    }
}

// To the next deadline. nginx leaves a timer that is set nearly so as it is:
// it may come too early, and is then set again.
void RedisConnection::Link::arm()
{
    ngx_msec_t at;

    if (!failure.empty()) {
        at = ngx_current_msec;

    } else if (state < State::greeting) {
        at = connect_by;

    } else if (!pending.empty()) {
        at = pending.front().by;

    } else if (state == State::subscribed) {
        at = heard + silence_ms;

    } else {
        if (timer.timer_set) {
            ngx_del_timer(&timer);
        }

        return;
    }

    ngx_add_timer(&timer, past(at) ? 0 : at - ngx_current_msec);
}

void RedisConnection::Link::check_deadlines()
{
    if (!failure.empty()) {
        fail(failure);

    } else if (state < State::greeting) {
        if (past(connect_by)) {
            fail("connecting timed out");
        }

    } else if (!pending.empty()) {
        if (past(pending.front().by)) {
            fail("it does not answer");
        }

    } else if (state == State::subscribed && past(heard + silence_ms)) {
        send({ "PING" }, {});
    }
}

// ---- the end

/// From within a call of the user's, who is told later.
void RedisConnection::Link::fail_soon(std::string_view reason)
{
    failure = reason.empty() ? "failed" : reason;

    if (timer.timer_set) {
        ngx_del_timer(&timer);
    }

    arm();
}

void RedisConnection::Link::fail(std::string_view reason)
{
    if (state == State::closed) {
        return;
    }

    // It may lie in what is released.
    std::string text = scrub(reason.substr(0, max_reason),
        options.url.password);

    release();
    drain();

    if (owner != nullptr) {
        auto lost = owner->handlers_.lost;

        owner->link_.reset();
        owner = nullptr;
        lost(text);
    }
}

void RedisConnection::Link::release()
{
    state = State::closed;
    ssl = nullptr;

    if (timer.timer_set) {
        ngx_del_timer(&timer);
    }

    if (c != nullptr) {
        if (c->read->active) {
            ngx_del_event(c->read, NGX_READ_EVENT, 0);
        }

        if (c->write->active) {
            ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
        }

        // The descriptor is hiredis'.
        c->shared = 1;
        ngx_close_connection(c);
        c = nullptr;
    }

    if (context != nullptr) {
        redisFree(context);
        context = nullptr;
    }
}

void RedisConnection::Link::drain()
{
    while (!pending.empty()) {
        Reply call = std::move(pending.front().reply);
        pending.pop_front();

        if (call) {
            call(nullptr);
        }
    }
}

// ---- what its user sees

RedisConnection::RedisConnection(const RedisOptions &options, ngx_log_t *log,
    Handlers handlers)
    : options_(options), log_(log), handlers_(std::move(handlers))
{
}

RedisConnection::~RedisConnection()
{
    if (link_) {
        link_->owner = nullptr;
        link_->release();
        link_->pending.clear();
    }
}

void RedisConnection::open(const RedisPeer *to)
{
    close();

    link_ = std::make_shared<Link>(*this);
    link_->connect(to);
}

void RedisConnection::close()
{
    std::shared_ptr<Link> link = std::move(link_);

    if (!link) {
        return;
    }

    link->owner = nullptr;

    // The last words of a worker that leaves.
    if (link->state == Link::State::ready) {
        int done = 0;
        (void) redisBufferWrite(link->context, &done);
        ERR_clear_error();
    }

    link->release();
    link->drain();
}

bool RedisConnection::is_open() const
{
    return link_ && (link_->state == Link::State::ready
                     || link_->state == Link::State::subscribed);
}

void RedisConnection::command(const std::vector<std::string_view> &arguments,
    Reply reply)
{
    if (link_ && link_->state == Link::State::ready) {
        link_->send(arguments, std::move(reply));

    } else if (reply) {
        reply(nullptr);
    }
}

void RedisConnection::subscribe(std::string_view channel,
    std::function<void(std::string_view message)> message,
    std::function<void()> subscribed)
{
    if (!link_ || link_->state != Link::State::ready) {
        return;
    }

    Link *link = link_.get();

    link->message = std::make_shared<
        std::function<void(std::string_view)>>(std::move(message));
    link->state = Link::State::subscribed;
    link->heard = ngx_current_msec;

    link->send({ "SUBSCRIBE", channel },
        [link, subscribed = std::move(subscribed)](const redisReply *reply) {
            if (reply == nullptr) {
                return;
            }

            if (is_error(*reply)) {
                link->fail("SUBSCRIBE is refused, " + shown_error(*reply));

            } else if (subscribed) {
                subscribed();
            }
        });
}

}
