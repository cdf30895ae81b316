// Reads hashes from Redis in slices, so that neither Redis nor this worker is
// busy with one of them for long.
#pragma once

#include "nginx/redis_connection.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::ngx {

/// The text of a reply; empty when it is none.
inline std::string_view text_of(const redisReply *reply)
{
    bool text = reply != nullptr && (reply->type == REDIS_REPLY_STRING
                                     || reply->type == REDIS_REPLY_STATUS
                                     || reply->type == REDIS_REPLY_ERROR);

    return text ? std::string_view(reply->str, reply->len)
                : std::string_view();
}

class RedisScan {
public:
    /// Of one hash no more than this is read.
    static constexpr std::size_t max_fields = 400 * 1000;

    using Field = std::function<void(std::string_view field,
        std::string_view value)>;

    struct Hash {
        std::string name;
        Field field;            // called for each; perhaps twice for one
    };

    /// Reads one hash after the other, then calls done. refused: an error
    /// came, and that is all.
    void start(RedisConnection &connection, std::vector<Hash> hashes,
        std::function<void()> done,
        std::function<void(const redisReply &)> refused);

    /// Calls nothing any more.
    void stop();

    bool is_running() const { return connection_ != nullptr; }

private:
    void ask(std::string_view cursor);
    void read(const redisReply &reply);
    void next();

    RedisConnection *connection_ = nullptr;
    std::vector<Hash> hashes_;
    std::size_t current_ = 0;
    std::size_t fields_ = 0;
    std::function<void()> done_;
    std::function<void(const redisReply &)> refused_;
};

}
