#include "nginx/redis_batch.hpp"

#include "core/base/duration.hpp"

#include <utility>

namespace gw::ngx {

namespace {

/// More than any day can bring: what is larger was not written by us.
constexpr std::int64_t max_count = 1000000000000;

std::vector<std::string_view> views(const std::vector<std::string> &command)
{
    return {command.begin(), command.end()};
}

bool good_count(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0
        && reply->integer <= max_count;
}

}

RedisBatch::RedisBatch(const RedisKeys &names, std::uint64_t host,
    std::int64_t now_ms)
    : names_(names),
      day_(pacific_day(now_ms)),
      use_day_(names.use(day_)),
      use_minute_(names.use(now_ms / 60000)),
      message_(host)
{
}

void RedisBatch::set(Command &hash, const std::string &name,
    const share::Entry &entry)
{
    if (hash.empty()) {
        hash = { "HSET", name };
    }

    hash.push_back(entry.field);
    hash.push_back(entry.value);
}

void RedisBatch::add_rest(const share::Entry &entry)
{
    set(rests_, names_.rest, entry);
    message_.add("rest", entry.field, entry.value);
}

void RedisBatch::add_limit(const share::Entry &entry)
{
    set(limits_, names_.limit, entry);
    message_.add("limit", entry.field, entry.value);
}

void RedisBatch::add_key(const share::Entry &entry)
{
    set(keys_, names_.keys, entry);
    message_.add("key", entry.field, entry.value);
}

void RedisBatch::add_signature(std::string_view id,
    std::string_view signature)
{
    commands_.push_back({ "SET", names_.signature(id), std::string(signature),
        "EX", std::string(RedisKeys::signature_ttl) });
    message_.add("sig", id, signature);
}

void RedisBatch::add_resource(const share::Entry &entry, std::int64_t seconds)
{
    commands_.push_back({ "SET", names_.resource(entry.field), entry.value,
        "EX", std::to_string(seconds) });
    message_.add("res", entry.field, entry.value);
}

void RedisBatch::count(const std::string &name, const std::string &field,
    std::int64_t amount)
{
    commands_.push_back({ "HINCRBY", name, field, std::to_string(amount) });
}

void RedisBatch::add_use(const keys::UseDelta &use, Told told)
{
    std::string field = share::use_field(use.owner, use.model);
    Counter counter{use};

    // The day's total is wanted whole, so both are asked for.
    counter.requests = commands_.size();
    count(use_day_, field + "|r", use.requests);
    counter.tokens = commands_.size();
    count(use_day_, field + "|t", use.tokens);
    day_written_ = true;

    if (told == Told::everybody) {
        if (use.requests != 0) {
            count(use_minute_, field + "|r", use.requests);
        }

        if (use.tokens != 0) {
            count(use_minute_, field + "|t", use.tokens);
        }

        minute_written_ = true;
        message_.add("use", field, std::to_string(use.requests) + " "
                                       + std::to_string(use.tokens));
    }

    counters_.push_back(std::move(counter));
}

void RedisBatch::set_total(const keys::UseTotal &total, Over over)
{
    // Told at another day's beginning it would be that day's.
    if (total.day != day_) {
        return;
    }

    const char *verb = over == Over::anything ? "HSET" : "HSETNX";
    std::string field = share::use_field(total.owner, total.model);

    commands_.push_back({ verb, use_day_, field + "|r",
        std::to_string(total.requests) });
    commands_.push_back({ verb, use_day_, field + "|t",
        std::to_string(total.tokens) });
    day_written_ = true;
}

void RedisBatch::drop_rest(std::string_view field)
{
    if (dropped_.empty()) {
        dropped_ = { "HDEL", names_.rest };
    }

    dropped_.emplace_back(field);
}

bool RedisBatch::empty() const
{
    return commands_.empty() && message_.empty() && dropped_.empty();
}

bool RedisBatch::full() const
{
    return commands_.size() + (rests_.size() + limits_.size() + keys_.size()
               + dropped_.size()) / 2 >= max_commands
        || message_.size() >= max_message;
}

// Counters come first: their replies are found by their place.
void RedisBatch::finish()
{
    auto expire = [&](const std::string &name, std::string_view ttl) {
        commands_.push_back({ "EXPIRE", name, std::string(ttl) });
    };

    if (!rests_.empty()) {
        commands_.push_back(std::move(rests_));
        expire(names_.rest, RedisKeys::rest_ttl);
    }

    if (!limits_.empty()) {
        commands_.push_back(std::move(limits_));
        expire(names_.limit, RedisKeys::rest_ttl);
    }

    if (!keys_.empty()) {
        commands_.push_back(std::move(keys_));
    }

    if (!dropped_.empty()) {
        commands_.push_back(std::move(dropped_));
    }

    if (day_written_) {
        expire(use_day_, RedisKeys::day_ttl);
    }

    if (minute_written_) {
        expire(use_minute_, RedisKeys::minute_ttl);
    }

    if (!message_.empty()) {
        commands_.push_back({ "PUBLISH", names_.bus, message_.text() });
    }
}

RedisBatch::Outcome RedisBatch::read(const redisReply &reply,
    const std::vector<Counter> &counters, std::int64_t day)
{
    Outcome outcome;
    outcome.done = true;

    for (const Counter &counter : counters) {
        if (counter.tokens >= reply.elements) {
            outcome.failed.push_back(counter.use);
            continue;
        }

        const redisReply *requests = reply.element[counter.requests];
        const redisReply *tokens = reply.element[counter.tokens];

        if (requests->type == REDIS_REPLY_ERROR) {
            outcome.failed.push_back(counter.use);

        } else if (good_count(requests) && good_count(tokens)) {
            keys::UseTotal total;
            total.owner = counter.use.owner;
            total.model = counter.use.model;
            total.day = day;
            total.requests = requests->integer;
            total.tokens = tokens->integer;
            outcome.totals.push_back(std::move(total));
        }
    }

    return outcome;
}

void RedisBatch::send(RedisConnection &connection,
    std::function<void(const Outcome &)> outcome,
    std::function<void(const redisReply &)> refused)
{
    auto queued = [refused](const redisReply *reply) {
        if (reply != nullptr && reply->type == REDIS_REPLY_ERROR) {
            refused(*reply);
        }
    };

    std::size_t messages = message_.empty() ? 0 : 1;

    finish();
    connection.command({ "MULTI" }, queued);

    for (const Command &command : commands_) {
        connection.command(views(command), queued);
    }

    auto run = [outcome = std::move(outcome), refused, messages,
                counters = std::move(counters_),
                day = day_](const redisReply *reply) {
        if (reply == nullptr) {
            return;
        }

        if (reply->type != REDIS_REPLY_ARRAY) {
            refused(*reply);
            return;
        }

        Outcome result = read(*reply, counters, day);
        result.messages = messages;
        outcome(result);

        for (std::size_t i = 0; i < reply->elements; ++i) {
            if (reply->element[i]->type == REDIS_REPLY_ERROR) {
                refused(*reply->element[i]);
                return;
            }
        }
    };

    connection.command({ "EXEC" }, std::move(run));
}

}
