// Asks sentinels where the master is.
#include "nginx/redis_connection.hpp"

#include "core/base/text.hpp"

#include <utility>

namespace gw::ngx {

namespace {

std::string_view text_of(const redisReply &reply)
{
    return reply.type != REDIS_REPLY_STRING ? std::string_view()
        : std::string_view(reply.str, static_cast<std::size_t>(reply.len));
}

/// User and password of the URL are the master's, and so is the database.
RedisOptions sentinel_options(const RedisOptions &options)
{
    RedisOptions own;

    own.url.addresses = options.url.addresses;
    own.timeout = options.timeout;

    return own;
}

}

struct SentinelSearch::State {
    State(const RedisOptions &given, ngx_log_t *log,
        std::function<void(const RedisPeer *)> call)
        : options(given),
          own(sentinel_options(given)),
          found(std::move(call)),
          connection(own, log,
              { [this]() { ask(); }, [this](std::string_view) { next(); } })
    {
    }

    void next();
    void ask();
    void authenticate();
    void answer(const redisReply *reply);
    void tell(const RedisPeer *master);

    const RedisOptions &options;
    RedisOptions own;
    std::function<void(const RedisPeer *)> found;
    RedisConnection connection;
    std::size_t tried = 0;          // of options.peers
    bool authenticated = false;
};

void SentinelSearch::State::next()
{
    authenticated = false;

    if (tried < options.peers.size()) {
        connection.open(&options.peers[tried++]);

    } else {
        tell(nullptr);
    }
}

void SentinelSearch::State::ask()
{
    connection.command(
        { "SENTINEL", "get-master-addr-by-name", options.url.master },
        [this](const redisReply *reply) { answer(reply); });
}

void SentinelSearch::State::answer(const redisReply *reply)
{
    // Gone: next() is called for that.
    if (reply == nullptr) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR && !authenticated
        && !options.url.password.empty()
        && starts_with({ reply->str, static_cast<std::size_t>(reply->len) },
            "NOAUTH"))
    {
        authenticate();
        return;
    }

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        share::RedisAddress address;
        RedisPeer master;
        std::string_view port = text_of(*reply->element[1]);

        address.host = text_of(*reply->element[0]);

        auto number = ngx_atoi(reinterpret_cast<u_char *>(
            const_cast<char *>(port.data())), port.size());

        if (number > 0 && number <= 65535) {
            address.port = static_cast<std::uint16_t>(number);

            // With resolve-hostnames a sentinel may tell a name, for which
            // there is no resolver here.
            if (peer_of(address, master)) {
                tell(&master);
                return;
            }
        }
    }

    next();
}

// It asks for a password: most likely for the one of its Redis.
void SentinelSearch::State::authenticate()
{
    std::vector<std::string_view> words = { "AUTH" };

    if (!options.url.user.empty()) {
        words.push_back(options.url.user);
    }

    words.push_back(options.url.password);
    authenticated = true;

    connection.command(words, [this](const redisReply *reply) {
        if (reply != nullptr) {
            ask();
        }
    });
}

void SentinelSearch::State::tell(const RedisPeer *master)
{
    // Whoever is told may end the search, and with it this function's object.
    auto call = found;

    connection.close();
    call(master);
}

SentinelSearch::SentinelSearch(const RedisOptions &options, ngx_log_t *log,
    std::function<void(const RedisPeer *master)> found)
    : state_(std::make_unique<State>(options, log, std::move(found)))
{
}

SentinelSearch::~SentinelSearch() = default;

void SentinelSearch::start()
{
    state_->tried = 0;
    state_->next();
}

}
