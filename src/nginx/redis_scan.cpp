#include "nginx/redis_scan.hpp"

#include <utility>

namespace gw::ngx {

void RedisScan::start(RedisConnection &connection, std::vector<Hash> hashes,
    std::function<void()> done,
    std::function<void(const redisReply &)> refused)
{
    connection_ = &connection;
    hashes_ = std::move(hashes);
    current_ = 0;
    fields_ = 0;
    done_ = std::move(done);
    refused_ = std::move(refused);

    ask("0");
}

void RedisScan::stop()
{
    connection_ = nullptr;
}

void RedisScan::ask(std::string_view cursor)
{
    connection_->command(
        { "HSCAN", hashes_[current_].name, cursor, "COUNT", "500" },
        [this](const redisReply *reply) {
            if (reply != nullptr && connection_ != nullptr) {
                read(*reply);
            }
        });
}

void RedisScan::read(const redisReply &reply)
{
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 2
        || reply.element[0]->type != REDIS_REPLY_STRING
        || reply.element[1]->type != REDIS_REPLY_ARRAY)
    {
        stop();
        refused_(reply);
        return;
    }

    const redisReply &page = *reply.element[1];

    for (std::size_t i = 0; i + 1 < page.elements; i += 2) {
        hashes_[current_].field(text_of(page.element[i]),
            text_of(page.element[i + 1]));
    }

    // An empty page counts too: a server may go on giving cursors for ever.
    fields_ += page.elements / 2 + 1;
    std::string_view cursor = text_of(reply.element[0]);

    if (cursor == "0" || fields_ >= max_fields) {
        next();
    } else {
        ask(cursor);
    }
}

void RedisScan::next()
{
    ++current_;
    fields_ = 0;

    if (current_ < hashes_.size()) {
        ask("0");
        return;
    }

    stop();
    done_();
}

}
