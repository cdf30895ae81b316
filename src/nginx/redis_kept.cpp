#include "nginx/redis_kept.hpp"

#include "core/keys/signature_cache.hpp"
#include "core/share/codec.hpp"
#include "nginx/glue.hpp"
#include "nginx/redis_scan.hpp"

#include <algorithm>
#include <utility>

namespace gw::ngx {

bool is_signature(std::string_view text)
{
    auto printable = [](char c) { return c > ' ' && c <= '~'; };

    return !text.empty() && text.size() <= keys::SignatureCache::max_signature
        && std::all_of(text.begin(), text.end(), printable);
}

RedisKept::RedisKept(Kind kind,
    std::function<void(const redisReply &)> refused)
    : kind_(std::move(kind)), refused_(std::move(refused))
{
}

void RedisKept::start(RedisConnection &connection)
{
    connection_ = &connection;
    cursor_ = "0";
    pages_ = 0;
    fetched_ = 0;
    scanned_ = false;
    waiting_ = false;
    wanted_.clear();
}

void RedisKept::tick()
{
    if (connection_ == nullptr || waiting_) {
        return;
    }

    if (!wanted_.empty()) {
        fetch();

    } else if (!scanned_ && fetched_ < kind_.most) {
        scan();

    } else {
        stop();
    }
}

void RedisKept::scan()
{
    std::string pattern = RedisKeys::pattern(kind_.prefix);

    waiting_ = true;
    connection_->command(
        { "SCAN", cursor_, "MATCH", pattern, "COUNT", "200" },
        [this](const redisReply *reply) {
            if (!refuse(reply)) {
                page(*reply);
            }
        });
}

void RedisKept::page(const redisReply &reply)
{
    if (reply.elements != 2 || reply.element[1]->type != REDIS_REPLY_ARRAY) {
        refused_(reply);
        return;
    }

    const redisReply &names = *reply.element[1];
    std::size_t prefix = kind_.prefix.size();

    for (std::size_t i = 0; i < names.elements && fetched_ < kind_.most; ++i) {
        std::string_view name = text_of(names.element[i]);
        auto id = share::read_id(name.substr(std::min(prefix, name.size())));

        if (id && *id != 0 && !kind_.known(*id)) {
            wanted_.push_back(*id);
            ++fetched_;
        }
    }

    cursor_ = text_of(reply.element[0]);
    scanned_ = cursor_.empty() || cursor_ == "0" || ++pages_ == max_pages;
}

void RedisKept::fetch()
{
    std::size_t count = std::min(wanted_.size(), at_once);

    asked_.assign(wanted_.end() - static_cast<std::ptrdiff_t>(count),
        wanted_.end());
    wanted_.resize(wanted_.size() - count);

    std::vector<std::string> names = { "MGET" };

    for (std::uint64_t id : asked_) {
        names.push_back(kind_.prefix + share::hex_id(id));
    }

    waiting_ = true;
    connection_->command({ names.begin(), names.end() },
        [this](const redisReply *reply) {
            if (!refuse(reply)) {
                values(*reply);
            }
        });
}

void RedisKept::values(const redisReply &reply)
{
    for (std::size_t i = 0; i < reply.elements && i < asked_.size(); ++i) {
        if (reply.element[i]->type == REDIS_REPLY_STRING) {
            kind_.take(asked_[i], text_of(reply.element[i]));
        }
    }
}

/// true: there is nothing to read.
bool RedisKept::refuse(const redisReply *reply)
{
    waiting_ = false;

    if (reply == nullptr || connection_ == nullptr) {
        return true;
    }

    if (reply->type != REDIS_REPLY_ARRAY) {
        stop();
        refused_(*reply);
        return true;
    }

    return false;
}

}
