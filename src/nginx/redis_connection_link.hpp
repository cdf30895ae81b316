// The inside of a RedisConnection, for the two files that it lives in.
#pragma once

#include "nginx/redis_connection.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gw::ngx {

/// One attempt, from open() to close() or lost(). It outlives the connection
/// that it belongs to for as long as a function of its own is running.
struct RedisConnection::Link : std::enable_shared_from_this<Link> {
    enum class State : std::uint8_t {
        connecting,
        securing,           // TLS
        greeting,           // AUTH and what follows it
        ready,
        subscribed,
        closed
    };

    struct Pending {
        ngx_msec_t by;
        Reply reply;
    };

    explicit Link(RedisConnection &connection);
    ~Link() { release(); }

    static void on_read(ngx_event_t *ev);
    static void on_write(ngx_event_t *ev);
    static void on_timer(ngx_event_t *ev);

    template <typename Body>
    static void run(Link &link, Body body) noexcept;

    // redis_greeting.cpp: until it is ready
    void connect(const RedisPeer *to);
    void connected();
    void secure();
    void handshake();
    void greet();
    void check_role(const redisReply &reply);

    // redis_connection.cpp
    void read();
    void take_replies();
    void take(const redisReply &reply);
    void write();
    void send(const std::vector<std::string_view> &arguments, Reply reply);

    void want_read();
    void want_write();
    void no_write();
    void arm();
    void check_deadlines();

    void fail_soon(std::string_view reason);
    void fail(std::string_view reason);
    void release();
    void drain();

    RedisConnection *owner;         // null: nobody is to be told anything
    const RedisOptions &options;
    ngx_log_t *log;
    State state = State::connecting;
    redisContext *context = nullptr;
    ngx_connection_t *c = nullptr;
    SSL *ssl = nullptr;             // of context
    ngx_event_t timer{};
    ngx_connection_t dummy{};       // for nginx's debug log
    ngx_msec_t connect_by;
    ngx_msec_t heard = 0;
    std::deque<Pending> pending;
    std::shared_ptr<std::function<void(std::string_view)>> message;
    std::string failure;            // fail() with it from the event loop
    std::string refusal;            // an error that is no failure by itself
};

inline std::string_view reply_text(const redisReply &reply)
{
    return reply.str == nullptr ? std::string_view()
        : std::string_view(reply.str, static_cast<std::size_t>(reply.len));
}

inline bool is_error(const redisReply &reply)
{
    return reply.type == REDIS_REPLY_ERROR;
}

inline bool is_text(const redisReply &reply, std::string_view text)
{
    return (reply.type == REDIS_REPLY_STRING
            || reply.type == REDIS_REPLY_STATUS)
        && reply_text(reply) == text;
}

/// An error as it may be logged: what stands behind its first word may repeat
/// our arguments.
inline std::string shown_error(const redisReply &reply)
{
    constexpr std::size_t longest = 200;
    std::string_view text = reply_text(reply);

    text = text.substr(0, std::min(text.find(", with args"), longest));
    return std::string(text);
}

}
