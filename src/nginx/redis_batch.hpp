// What goes to Redis at once: one transaction that writes the hashes and tells
// the bus. Either all of it holds or nothing, so that what is counted is
// counted once, even when the connection breaks on the way.
#pragma once

#include "core/keys/changes.hpp"
#include "core/share/codec.hpp"
#include "nginx/redis_connection.hpp"
#include "nginx/redis_keys.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::ngx {

class RedisBatch {
public:
    /// Redis does nothing else while it runs a transaction.
    static constexpr std::size_t max_commands = 1000;
    static constexpr std::size_t max_message = 256 * 1024;

    /// now_ms: Redis' clock.
    RedisBatch(const RedisKeys &names, std::uint64_t host,
        std::int64_t now_ms);

    /// Written, and told on the bus.
    void add_rest(const share::Entry &entry);
    void add_limit(const share::Entry &entry);
    void add_key(const share::Entry &entry);
    void add_signature(std::string_view id, std::string_view signature);
    void add_resource(const share::Entry &entry, std::int64_t seconds);

    enum class Told : std::uint8_t { everybody, nobody };

    /// everybody: it counts in this minute too; nobody: it is older, and
    /// counts for the day alone.
    void add_use(const keys::UseDelta &use, Told told);

    /// What a day's total is to be, unless something stands there (or, over:
    /// whatever stands there).
    enum class Over : std::uint8_t { nothing, anything };
    void set_total(const keys::UseTotal &total, Over over);

    /// A rest that nobody needs any more.
    void drop_rest(std::string_view field);

    bool empty() const;
    bool full() const;

    /// totals: of the day, of what was added by add_use().
    struct Outcome {
        bool done = false;              // the transaction was run
        std::size_t messages = 0;
        std::vector<keys::UseTotal> totals;
        std::vector<keys::UseDelta> failed;     // not counted
    };

    /// outcome: once, unless the connection breaks before. refused: an error
    /// came instead of, or besides it.
    void send(RedisConnection &connection,
        std::function<void(const Outcome &)> outcome,
        std::function<void(const redisReply &)> refused);

private:
    using Command = std::vector<std::string>;

    struct Counter {
        keys::UseDelta use;
        std::size_t requests = none;    // place of the command's reply
        std::size_t tokens = none;
    };

    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    void set(Command &hash, const std::string &name,
        const share::Entry &entry);
    void count(const std::string &name, const std::string &field,
        std::int64_t amount);
    void finish();
    static Outcome read(const redisReply &reply,
        const std::vector<Counter> &counters, std::int64_t day);

    const RedisKeys &names_;
    std::int64_t day_;
    std::string use_day_;
    std::string use_minute_;
    Command rests_;
    Command limits_;
    Command keys_;
    Command dropped_;
    bool day_written_ = false;
    bool minute_written_ = false;
    std::vector<Command> commands_;
    std::vector<Counter> counters_;
    share::Message message_;
};

}
