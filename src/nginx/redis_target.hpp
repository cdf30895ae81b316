// Where the Redis of a pool is to be found now: one address after the other,
// the master that the sentinels name, or where a Cluster has pointed.
#pragma once

#include "nginx/redis_connection.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gw::ngx {

class RedisTarget {
public:
    RedisTarget(const RedisOptions &options, ngx_log_t *log);

    /// Calls found with where to go (nullptr: a unix socket), or failed with
    /// the reason; at once, or later from the event loop.
    void find(std::function<void(const RedisPeer *)> found,
        std::function<void(std::string_view reason)> failed);

    /// Calls neither any more.
    void stop() { search_.reset(); }

    /// It was the right place.
    void good() { redirects_ = 0; }

    /// It was not: what has pointed there is forgotten.
    void bad();

    /// "MOVED …": the next find() goes there. Not empty: it cannot, since.
    std::string_view redirect(std::string_view error);

    /// Of the place last found, for the log; empty: a unix socket.
    std::string name() const { return peer_ ? peer_->name : std::string(); }

private:
    // A Cluster that is being moved around points on and on.
    static constexpr int most_redirects = 5;

    const RedisOptions &options_;
    ngx_log_t *log_;
    std::unique_ptr<SentinelSearch> search_;
    std::size_t next_ = 0;                  // of options_.peers
    std::optional<RedisPeer> peer_;
    std::optional<RedisPeer> pointed_;      // by a redirect
    int redirects_ = 0;
};

}
