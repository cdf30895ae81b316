// One connection to Redis in nginx's event loop: hiredis owns the socket, an
// ngx_connection_t around it brings the events. It connects, authenticates,
// selects; whoever uses it sends commands once it is ready. Never on a
// request's path.
#pragma once

#include "core/share/redis_url.hpp"
#include "nginx/ngx.hpp"

#include <hiredis/hiredis.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gw::ngx {

/// A socket address to go to, found at configuration or told by a sentinel.
struct RedisPeer {
    sockaddr_storage address{};
    socklen_t length = 0;
    std::string name;               // "127.0.0.1:6379", for the log
};

struct RedisOptions {
    share::RedisUrl url;
    std::vector<RedisPeer> peers;   // of url.addresses, resolved; empty: unix
    ngx_msec_t timeout = 1000;      // for connecting and for each command
    SSL_CTX *tls = nullptr;         // when url.tls; needs hiredis_ssl
};

/// Resolves url's hosts (at configuration) and checks that this build can do
/// it: TLS needs hiredis 1.0 with hiredis_ssl. problem: why not.
bool prepare_redis(ngx_conf_t *cf, RedisOptions &options,
    std::string &problem);

class RedisConnection {
public:
    /// Called with one of these, once, from the event loop and never from
    /// within a call of ours: the connection may be destroyed or opened again
    /// there.
    struct Handlers {
        std::function<void()> ready;
        /// The connection is gone, whatever was under way. reason: for the
        /// log, without secrets.
        std::function<void(std::string_view reason)> lost;
    };

    /// reply: nullptr: the connection broke before it came.
    using Reply = std::function<void(const redisReply *reply)>;

    RedisConnection(const RedisOptions &options, ngx_log_t *log,
        Handlers handlers);
    /// Calls no handler any more.
    ~RedisConnection();

    RedisConnection(const RedisConnection &) = delete;
    RedisConnection &operator=(const RedisConnection &) = delete;

    /// Connects to `to` (of options.peers, or where a redirect or a sentinel
    /// has pointed); unix sockets: nullptr. ready() or lost() follows.
    void open(const RedisPeer *to);

    /// Ends it without a word; pending replies get nullptr first.
    void close();

    bool is_open() const;

    /// One command; arguments are binary-safe. After lost() it does nothing
    /// but call reply with nullptr. A reply that does not come within the
    /// timeout ends the connection.
    void command(const std::vector<std::string_view> &arguments,
        Reply reply = {});

    /// SUBSCRIBE; from then on only messages come. A connection that is silent
    /// is asked by PING, and lost when it does not answer.
    void subscribe(std::string_view channel,
        std::function<void(std::string_view message)> message,
        std::function<void()> subscribed);

private:
    struct Link;

    std::shared_ptr<Link> link_;    // null: closed
    const RedisOptions &options_;
    ngx_log_t *log_;
    Handlers handlers_;
};

/// Asks the sentinels of options, one after the other, who the master is; the
/// answer is checked with ROLE by whoever connects.
class SentinelSearch {
public:
    SentinelSearch(const RedisOptions &options, ngx_log_t *log,
        std::function<void(const RedisPeer *master)> found);
    ~SentinelSearch();

    SentinelSearch(const SentinelSearch &) = delete;
    SentinelSearch &operator=(const SentinelSearch &) = delete;

    /// found(nullptr): no sentinel knows.
    void start();

private:
    struct State;

    std::unique_ptr<State> state_;
};

/// A literal address and port as a peer. false: it is no literal.
bool peer_of(const share::RedisAddress &address, RedisPeer &peer);

}
