// Which hosts share a pool, and what their common clock shows. Each says every
// second that it is there; one that has been silent for a while is counted no
// more. Without an answer from Redis the last count stays: a host that others
// may still see keeps to its share.
#pragma once

#include "nginx/redis_connection.hpp"
#include "nginx/redis_keys.hpp"
#include "nginx/zone.hpp"

#include <cstdint>
#include <functional>
#include <string_view>

namespace gw::ngx {

class RedisHosts {
public:
    RedisHosts(PoolZone &zone, const RedisKeys &names,
        std::function<void(const redisReply &)> refused);

    /// Reads Redis' clock, tells the others of us, then calls joined.
    void join(RedisConnection &connection, std::function<void()> joined);

    /// The connection is gone.
    void end();

    /// At each tick.
    void tick();

    /// Another has come or gone.
    void look_now() { beat_at_ = ngx_current_msec; }

    /// This one goes; arrived: Redis knows.
    void bye(std::function<void()> arrived);

private:
    static constexpr ngx_msec_t beat_every = 1000;
    static constexpr std::int64_t silent_after_ms = 5000;
    static constexpr std::size_t max_hosts = 1024;

    // A clock that is so little off is not: each answer differs by what it
    // was under way, and times that were written once must stay comparable.
    static constexpr std::int64_t clock_slack_ms = 25;

    void ask_time(std::function<void()> next);
    void set_clock(std::int64_t redis_ms, std::int64_t asked_ms);
    void beat();
    void count(const redisReply &reply);
    void tell(std::string_view kind);
    bool refuse(const redisReply *reply, int type);

    PoolZone &zone_;
    const RedisKeys &names_;
    std::function<void(const redisReply &)> refused_;
    RedisConnection *connection_ = nullptr;
    ngx_msec_t beat_at_ = 0;
    bool waiting_ = false;
};

}
