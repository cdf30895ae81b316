// What lies in Redis under a key of its own, with an end: thought signatures,
// and whose it is what clients have stored upstream. What other hosts have put
// there before this one joined is fetched in the background; what comes later
// comes on the bus.
#pragma once

#include "nginx/redis_connection.hpp"
#include "nginx/redis_keys.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::ngx {

/// Whether it may be a signature: what a bus message can carry, and no more
/// than the zone takes.
bool is_signature(std::string_view text);

class RedisKept {
public:
    /// One kind of it.
    struct Kind {
        std::string prefix;             // of the keys; 16 hex digits follow
        std::size_t most;               // so many are fetched
        std::function<bool(std::uint64_t id)> known;
        std::function<void(std::uint64_t id, std::string_view value)> take;
    };

    RedisKept(Kind kind, std::function<void(const redisReply &)> refused);

    void start(RedisConnection &connection);
    void stop() { connection_ = nullptr; }

    /// At each tick; a step, when the last one is done.
    void tick();

private:
    // SCAN walks over all keys of the database, whoever's they are.
    static constexpr std::size_t max_pages = 1000;
    static constexpr std::size_t at_once = 16;

    void scan();
    void fetch();
    void page(const redisReply &reply);
    void values(const redisReply &reply);
    bool refuse(const redisReply *reply);

    Kind kind_;
    std::function<void(const redisReply &)> refused_;
    RedisConnection *connection_ = nullptr;
    std::string cursor_;
    std::size_t pages_ = 0;
    std::size_t fetched_ = 0;
    bool scanned_ = false;
    bool waiting_ = false;
    std::vector<std::uint64_t> wanted_;
    std::vector<std::uint64_t> asked_;
};

}
