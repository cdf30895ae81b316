// What a pool tells Redis and takes from it. Everything that travels may come
// twice or late: rests, limits and keys carry the time they were made, and the
// later wins; usage travels as what was added.
//
// On a new connection all is read and merged (begin), then what is newer here,
// or missing there, is written, which is all of it after Redis has come back
// empty. The same is done every half minute, and after another host has
// joined, so that a lost message is no lost news. Between these the journal
// says what has changed.
#pragma once

#include "core/share/seal.hpp"
#include "nginx/redis_batch.hpp"
#include "nginx/redis_connection.hpp"
#include "nginx/redis_keys.hpp"
#include "nginx/redis_kept.hpp"
#include "nginx/redis_scan.hpp"
#include "nginx/zone.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gw::ngx {

class RedisSync {
public:
    struct Handlers {
        /// What Redis and this host know is the same, for the first time on
        /// this connection.
        std::function<void()> in_step;
        /// Redis has said no, or something that is no answer.
        std::function<void(const redisReply &)> refused;
        /// Another host has come or gone.
        std::function<void()> hosts_changed;
    };

    /// seal: of the secrets of added keys; nullptr: they are not shared.
    RedisSync(PoolZone &zone, const share::Seal *seal, const RedisKeys &names,
        ngx_log_t *log, Handlers handlers);

    /// The connection is ready, and the subscription stands.
    void begin(RedisConnection &connection);

    /// It is gone (closed, with nothing pending any more): what nobody was
    /// told is kept for the next.
    void end();

    /// At each tick: sends what is new.
    void tick();

    /// From the bus; also before begin().
    void receive(std::string_view message);

    /// Nothing is on its way to Redis.
    bool idle() const;

    /// Redis' clock, as known.
    std::int64_t redis_now() const;

private:
    /// Requests and tokens of a field.
    struct Counts {
        std::int64_t requests = 0;
        std::int64_t tokens = 0;
    };

    using CountMap = std::unordered_map<std::string, Counts>;
    using WhenMap = std::unordered_map<std::string, std::int64_t>;

    /// What stood in Redis when it was read, for what is to be written there.
    struct Standing {
        WhenMap rests;
        WhenMap limits;
        WhenMap keys;
        CountMap day;
        CountMap minute;
        std::vector<std::string> ended;     // rests nobody needs
        std::int64_t day_number = 0;
    };

    /// To be written and told, in this order.
    struct Outgoing {
        enum class Kind : std::uint8_t {
            rest, limit, key, signature, resource,
            missing_total, lower_total,     // of the day
            old_use,                        // counts for the day alone
            dropped_rest
        };

        Kind kind = Kind::rest;
        share::Entry entry;
        std::int64_t seconds = 0;           // that a resource has to live
        keys::UseTotal total;
        keys::UseDelta use;
    };

    // Reading. redis_sync.cpp
    void read_all();
    void have_read();
    void take_standing(std::string_view field,
        const keys::RestChange &change);
    void take_rest(std::string_view field, std::string_view value);
    /// The time it was made; 0: it cannot be read.
    std::int64_t take_limit(std::string_view field, std::string_view value);
    std::int64_t take_key(std::string_view field, std::string_view value);
    void take_use(std::string_view field, std::string_view value);
    void take_signature(std::string_view field, std::string_view value);
    void take_resource(std::string_view field, std::string_view value);
    void take_count(CountMap &counts, std::string_view field,
        std::string_view value, std::int64_t part) const;
    void take_minute();
    void take_day();
    void raise_totals();
    void check_soon(std::int64_t in_ms);
    CountMap used_this_minute();

    // Writing. redis_push.cpp
    static bool is_over(const keys::RestChange &change);
    static std::vector<keys::UseDelta> split_old(
        std::vector<keys::UseDelta> &unsent, const CountMap &used);
    void push_all();
    void push_totals();
    void push_rest(const keys::RestChange &change);
    void push_limit(const keys::LearnedLimit &limit);
    void push_key(keys::KeyChange &&change);
    void push_signature(std::uint64_t id);
    void push_resource(std::uint64_t id);
    void read_journal();
    void tell(const keys::Event &event);
    void send();
    void add(RedisBatch &batch, const Outgoing &out);
    void sent(const RedisBatch::Outcome &outcome);
    void tell_in_step();

    std::int64_t offset() const;

    PoolZone &zone_;
    keys::Pool &pool_;
    const share::Seal *seal_;
    const RedisKeys &names_;
    ngx_log_t *log_;
    Handlers handlers_;

    RedisConnection *connection_ = nullptr;
    RedisScan scan_;
    RedisKept signatures_;
    RedisKept resources_;
    Standing standing_;
    bool joining_ = false;              // the first reading on a connection
    bool told_in_step_ = false;
    std::int64_t check_at_ms_ = 0;

    bool has_position_ = false;
    std::uint64_t position_ = 0;        // in the journal
    std::deque<Outgoing> queue_;
    std::vector<keys::UseDelta> uses_;  // taken from the pool, not sent yet
    std::vector<keys::UseDelta> old_uses_;          // likewise; of the day
    std::vector<keys::UseDelta> sent_uses_;         // no answer yet
    bool waiting_ = false;              // for the answer to a batch

    // Totals of the day count once the messages they include have come.
    struct LateTotal {
        std::int64_t due_ms;
        keys::UseTotal total;
    };

    std::deque<LateTotal> totals_;
    bool said_full_ = false;
};

}
