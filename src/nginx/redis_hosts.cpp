#include "nginx/redis_hosts.hpp"

#include "core/share/codec.hpp"
#include "nginx/glue.hpp"
#include "nginx/redis_scan.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace gw::ngx {

namespace {

bool read_number(std::string_view text, std::int64_t &number)
{
    auto [end, error] = std::from_chars(text.data(),
        text.data() + text.size(), number);

    return error == std::errc() && end == text.data() + text.size()
        && number >= 0 && number < std::int64_t{1} << 52;
}

}

RedisHosts::RedisHosts(PoolZone &zone, const RedisKeys &names,
    std::function<void(const redisReply &)> refused)
    : zone_(zone), names_(names), refused_(std::move(refused))
{
}

void RedisHosts::join(RedisConnection &connection,
    std::function<void()> joined)
{
    connection_ = &connection;
    ask_time([this, joined = std::move(joined)]() {
        beat();
        tell("hello");
        joined();
    });
}

void RedisHosts::end()
{
    connection_ = nullptr;
    waiting_ = false;
}

void RedisHosts::tick()
{
    auto late = static_cast<ngx_msec_int_t>(ngx_current_msec - beat_at_);

    if (connection_ != nullptr && !waiting_ && late >= 0) {
        ask_time([this]() { beat(); });
    }
}

void RedisHosts::ask_time(std::function<void()> next)
{
    std::int64_t asked = now_ms();

    waiting_ = true;
    beat_at_ = ngx_current_msec + beat_every;

    connection_->command({ "TIME" },
        [this, asked, next = std::move(next)](const redisReply *reply) {
            if (refuse(reply, REDIS_REPLY_ARRAY)) {
                return;
            }

            std::int64_t seconds = 0;
            std::int64_t micros = 0;

            if (reply->elements != 2
                || !read_number(text_of(reply->element[0]), seconds)
                || !read_number(text_of(reply->element[1]), micros)
                || micros >= 1000 * 1000)
            {
                refused_(*reply);
                return;
            }

            set_clock(seconds * 1000 + micros / 1000, asked);
            next();
        });
}

void RedisHosts::set_clock(std::int64_t redis_ms, std::int64_t asked_ms)
{
    keys::Word &word = zone_.pool.header().clock_offset_ms;
    std::int64_t now = now_ms();
    std::int64_t offset = redis_ms - (asked_ms + (now - asked_ms) / 2);
    std::int64_t known = static_cast<std::int64_t>(word.load());

    if (std::abs(offset - known) > clock_slack_ms + (now - asked_ms)) {
        word.store(static_cast<std::uint64_t>(offset));
    }
}

void RedisHosts::beat()
{
    std::string id = share::hex_id(zone_.host_id());
    std::int64_t now = now_ms()
        + static_cast<std::int64_t>(
              zone_.pool.header().clock_offset_ms.load());
    std::string seen = std::to_string(now);

    auto written = [this](const redisReply *reply) {
        if (reply != nullptr && reply->type == REDIS_REPLY_ERROR) {
            refused_(*reply);
        }
    };

    waiting_ = true;
    connection_->command({ "HSET", names_.hosts, id, seen }, written);
    connection_->command({ "EXPIRE", names_.hosts, RedisKeys::hosts_ttl },
        written);
    connection_->command({ "HGETALL", names_.hosts },
        [this](const redisReply *reply) {
            if (!refuse(reply, REDIS_REPLY_ARRAY)) {
                count(*reply);
            }
        });
}

void RedisHosts::count(const redisReply &reply)
{
    std::int64_t now = now_ms()
        + static_cast<std::int64_t>(
              zone_.pool.header().clock_offset_ms.load());
    std::uint64_t self = zone_.host_id();
    std::vector<std::uint64_t> live = { self };
    std::vector<std::string_view> gone = { "HDEL", names_.hosts };

    for (std::size_t i = 0; i + 1 < reply.elements; i += 2) {
        auto id = share::read_id(text_of(reply.element[i]));
        std::int64_t seen = 0;

        if (!id || !read_number(text_of(reply.element[i + 1]), seen)
            || std::abs(now - seen) > 60 * 1000)
        {
            gone.push_back(text_of(reply.element[i]));
            continue;
        }

        if (*id != self && std::abs(now - seen) <= silent_after_ms
            && live.size() < max_hosts)
        {
            live.push_back(*id);
        }
    }

    std::sort(live.begin(), live.end());

    keys::HostShare share;
    share.count = static_cast<std::uint32_t>(live.size());
    share.rank = static_cast<std::uint32_t>(
        std::find(live.begin(), live.end(), self) - live.begin());
    zone_.pool.header().hosts.store(share.word());

    if (gone.size() > 2) {
        connection_->command(gone);
    }
}

void RedisHosts::tell(std::string_view kind)
{
    std::string id = share::hex_id(zone_.host_id());
    share::Message message(zone_.host_id());

    message.add(kind, id, "-");
    connection_->command({ "PUBLISH", names_.bus, message.text() });
}

void RedisHosts::bye(std::function<void()> arrived)
{
    if (connection_ == nullptr) {
        return;
    }

    std::string id = share::hex_id(zone_.host_id());

    connection_->command({ "HDEL", names_.hosts, id });
    tell("bye");
    connection_->command({ "PING" },
        [arrived = std::move(arrived)](const redisReply *) {
            if (arrived) {
                arrived();
            }
        });
}

/// true: there is nothing to read.
bool RedisHosts::refuse(const redisReply *reply, int type)
{
    waiting_ = false;

    if (reply == nullptr || connection_ == nullptr) {
        return true;
    }

    if (reply->type != type) {
        refused_(*reply);
        return true;
    }

    return false;
}

}
