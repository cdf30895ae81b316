// The events of exchanging. What is sent: account/assertion; what is answered:
// account/token_reply; when: account/schedule; where tokens lie: keys/tokens.
#include "nginx/token_keeper.hpp"

#include "core/account/assertion.hpp"
#include "core/account/schedule.hpp"
#include "core/account/token_reply.hpp"
#include "core/base/duration.hpp"
#include "core/keys/wipe.hpp"
#include "nginx/glue.hpp"
#include "nginx/http_client.hpp"
#include "nginx/lease.hpp"
#include "nginx/log.hpp"
#include "nginx/zone.hpp"

#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gw::ngx {

namespace {

// A request may be waiting for what is noticed now; who only waits for the
// lease may be slower.
constexpr ngx_msec_t tick = 50;
constexpr ngx_msec_t idle_tick = 250;

constexpr ngx_msec_t timeout = 10000;
constexpr std::size_t concurrency = 4;

// A claim outlasts the call that it is for.
constexpr std::int64_t claim_ms = 12000;

// Workers of an older configuration may still be sending with the tokens of
// accounts that this one has not.
constexpr ngx_msec_t strangers_stay = 60000;

// Clocks that are so far apart make an assertion one of another time.
constexpr std::int64_t skew_from_ms = 240 * 1000;

/// What an exchange has come to.
struct Outcome {
    account::TokenReply reply;
    std::optional<std::int64_t> skew_ms;        // the endpoint's clock less
                                                // ours
};

Outcome outcome_of(const HttpReply &reply)
{
    Outcome outcome;

    if (!reply.ok()) {
        outcome.reply.cause = account::Cause::unreachable;
        outcome.reply.problem = reply.problem;
        return outcome;
    }

    outcome.reply = account::read_token_reply(reply.status, reply.body);

    if (auto date = parse_http_date(reply.date, now_ms())) {
        outcome.skew_ms = *date - now_ms();
    }

    // Words for it differ; a signature is looked at after the time.
    if (outcome.reply.cause == account::Cause::other && outcome.skew_ms
        && std::abs(*outcome.skew_ms) >= skew_from_ms)
    {
        outcome.reply.cause = account::Cause::clock;
    }

    return outcome;
}

/// One pool's, as one worker does it.
class Keeper {
public:
    explicit Keeper(const PoolConf &conf)
        : conf_(conf),
          lease_(conf.zone->token_lease()),
          calls_(concurrency),
          began_(ngx_current_msec)
    {
    }

    Keeper(const Keeper &) = delete;
    Keeper &operator=(const Keeper &) = delete;

    /// Each 50 ms. false: it is another worker's.
    bool turn();

    void finish();

private:
    struct Call {
        std::unique_ptr<HttpCall> http;
        const AccountConf *account = nullptr;
        std::size_t place = 0;
    };

    keys::Pool &pool() { return conf_.zone->pool; }
    keys::TokenTable &tokens() { return pool().tokens(); }

    void look_anew();
    void tend(const AccountConf &account);
    std::optional<std::size_t> place_of(const AccountConf &account);
    void forget_strangers();
    Call *free_call();
    bool calls(const AccountConf &account) const;
    bool claim(const AccountConf &account, std::size_t place);
    void begin(Call &call, const AccountConf &account, std::size_t place);
    void end(Call &call, const HttpReply &reply);
    void keep(const AccountConf &account, std::size_t place,
        const Outcome &outcome);
    void note_failure(const AccountConf &account, const Outcome &outcome,
        bool has_token, std::int64_t next_ms);

    const PoolConf &conf_;
    Lease lease_;
    std::vector<Call> calls_;
    ngx_msec_t began_;
    bool strangers_gone_ = false;
};

std::uint64_t this_process()
{
    return static_cast<std::uint64_t>(ngx_pid);
}

bool is_gone(std::uint64_t process)
{
    return process != 0
           && kill(static_cast<ngx_pid_t>(process), 0) == -1
           && ngx_errno == ESRCH;
}

bool Keeper::turn()
{
    if (!lease_.hold()) {
        return false;
    }

    if (conf_.zone->token_configuration().exchange(conf_.configuration)
        != conf_.configuration)
    {
        look_anew();
    }

    for (const AccountConf &account : conf_.accounts) {
        tend(account);
    }

    if (!strangers_gone_ && ngx_current_msec - began_ >= strangers_stay) {
        strangers_gone_ = true;
        forget_strangers();
    }

    return true;
}

/// A new key file, or a clock that has been set.
void Keeper::look_anew()
{
    ZoneLock lock(conf_.zone->shm);

    for (const AccountConf &account : conf_.accounts) {
        if (auto place = place_of(account)) {
            tokens().forgive(*place, account.token_id);
        }
    }
}

/// Where its tokens lie; nullopt: no credential needs any now.
std::optional<std::size_t> Keeper::place_of(const AccountConf &account)
{
    for (const keys::Credential &credential : pool().credentials()) {
        if (credential.account && credential.usable()
            && credential.token_id == account.token_id)
        {
            return credential.token_place;
        }
    }

    return std::nullopt;
}

void Keeper::tend(const AccountConf &account)
{
    std::optional<std::size_t> place = place_of(account);

    if (!place || tokens().id_at(*place) != account.token_id) {
        return;
    }

    // What a writer that died has left is as if nothing were known.
    keys::TokenState state = tokens().state(*place, account.token_id)
        .value_or(keys::TokenState());

    if (state.there && !state.usable(now_ms())) {
        ZoneLock lock(conf_.zone->shm);
        tokens().wipe_token(*place);
    }

    if (!state.due(now_ms()) || calls(account)) {
        return;
    }

    Call *call = free_call();

    if (call != nullptr && claim(account, *place)) {
        begin(*call, account, *place);
    }
}

void Keeper::forget_strangers()
{
    ZoneLock lock(conf_.zone->shm);

    for (std::size_t i = 0; i < tokens().capacity(); ++i) {
        std::uint64_t id = tokens().id_at(i);
        bool ours = id == 0;

        for (const AccountConf &account : conf_.accounts) {
            ours = ours || account.token_id == id;
        }

        if (!ours) {
            tokens().forget(i);
        }
    }
}

Keeper::Call *Keeper::free_call()
{
    for (Call &call : calls_) {
        if (call.http == nullptr) {
            return &call;
        }
    }

    return nullptr;
}

bool Keeper::calls(const AccountConf &account) const
{
    for (const Call &call : calls_) {
        if (call.http != nullptr && call.account == &account) {
            return true;
        }
    }

    return false;
}

/// One that leaves may still be at it, and will store what it gets.
bool Keeper::claim(const AccountConf &account, std::size_t place)
{
    std::uint64_t by = this_process();

    if (tokens().begin_exchange(place, account.token_id, by,
            now_ms() + claim_ms, now_ms()))
    {
        return true;
    }

    if (is_gone(by) || by == this_process()) {
        tokens().end_exchange(place, by);
    }

    return false;
}

void Keeper::begin(Call &call, const AccountConf &account, std::size_t place)
{
    std::string assertion = account::sign_assertion(account.file,
        account.scope, now_ms());

    if (assertion.empty()) {
        Outcome outcome;
        outcome.reply.cause = account::Cause::other;
        outcome.reply.problem = "OpenSSL cannot sign with its key";
        keep(account, place, outcome);
        tokens().end_exchange(place, this_process());
        return;
    }

    HttpRequest request;
    request.server = { account.target, account.tls };
    request.method = "POST";
    request.path = account.target->path.len == 0 ? "/" : "";
    request.fields = "Content-Type: " + std::string(
        account::token_request_type) + "\r\n";
    request.body = account::token_request_body(assertion);
    request.timeout = timeout;
    request.max_body = account::max_token_answer;
    // Else the next worker would have to ask once more.
    request.holds_worker = true;

    keys::wipe(assertion);

    call.http = std::make_unique<HttpCall>();
    call.account = &account;
    call.place = place;

    try {
        call.http->start(std::move(request), ngx_cycle->log,
            [this, &call](const HttpReply &reply) { end(call, reply); });

    } catch (...) {
        call.http.reset();
        tokens().end_exchange(place, this_process());
        throw;
    }
}

void Keeper::end(Call &call, const HttpReply &reply)
{
    // Until this returns the call is somebody's: it is what calls.
    std::unique_ptr<HttpCall> ended = std::move(call.http);
    Outcome outcome = outcome_of(reply);

    keep(*call.account, call.place, outcome);
    tokens().end_exchange(call.place, this_process());
    keys::wipe(outcome.reply.token);
}

void Keeper::keep(const AccountConf &account, std::size_t place,
    const Outcome &outcome)
{
    const account::TokenReply &reply = outcome.reply;
    std::int64_t now = now_ms();
    keys::TokenState before = tokens().state(place, account.token_id)
        .value_or(keys::TokenState());

    if (reply.ok()) {
        {
            ZoneLock lock(conf_.zone->shm);
            tokens().store(place, account.token_id, reply.token,
                now + reply.lifetime_ms,
                account::renewal_ms(reply.lifetime_ms, now));
        }

        if (before.cause != account::Cause::none) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                "gemini: service account \"%*s\" of \"%V\" has an access "
                "token again", GW_LOG(account.name), &conf_.name);
        }

        return;
    }

    std::int64_t next = account::retry_ms(reply.cause, before.failures + 1,
        now);

    {
        ZoneLock lock(conf_.zone->shm);
        tokens().fail(place, account.token_id, reply.cause, reply.problem,
            before.failures + 1, next);
    }

    // Once, not each time.
    if (before.cause != reply.cause || before.problem != reply.problem) {
        note_failure(account, outcome, before.usable(now), next - now);
    }
}

void Keeper::note_failure(const AccountConf &account, const Outcome &outcome,
    bool has_token, std::int64_t next_ms)
{
    std::string text = outcome.reply.problem;
    std::string_view hint = account::hint_of(outcome.reply.cause);

    if (!hint.empty()) {
        text += " (";
        text += hint;

        if (outcome.reply.cause == account::Cause::clock && outcome.skew_ms) {
            std::int64_t skew_s = *outcome.skew_ms / 1000;

            text += ", which is " + std::to_string(std::abs(skew_s))
                    + (skew_s < 0 ? " s behind" : " s ahead");
        }

        text += ")";
    }

    ngx_uint_t level = has_token ? NGX_LOG_WARN : NGX_LOG_ERR;

    ngx_log_error(level, ngx_cycle->log, 0,
        "gemini: service account \"%*s\" of \"%V\" gets no access token from "
        "\"%V\": %*s; %s, tried again in %T s", GW_LOG(account.name),
        &conf_.name, &account.target->url, GW_LOG(text),
        has_token ? "the one it has is still good"
                  : "the pool goes on without it",
        static_cast<time_t>(next_ms / 1000));
}

/// A worker that ends has waited for what was under way.
void Keeper::finish()
{
    for (Call &call : calls_) {
        if (call.http != nullptr) {
            call.http.reset();
            tokens().end_exchange(call.place, this_process());
        }
    }

    lease_.release();
}

/// Of this worker.
struct Keepers {
    std::vector<std::unique_ptr<Keeper>> list;
    ngx_event_t timer{};
    ngx_connection_t dummy{};       // debug logging looks at its fd
};

Keepers *keepers;

void take_turns(ngx_event_t *ev)
{
    bool keeps = false;

    for (const std::unique_ptr<Keeper> &keeper : keepers->list) {
        keeps |= guarded(ev->log, false, [&]() { return keeper->turn(); });
    }

    if (!ngx_exiting && !ngx_terminate && !ngx_quit) {
        ngx_add_timer(ev, keeps ? tick : idle_tick);
    }
}

/// Whether there are tokens of a former configuration to be forgotten.
bool has_tokens(const keys::TokenTable &tokens)
{
    for (std::size_t i = 0; i < tokens.capacity(); ++i) {
        if (tokens.id_at(i) != 0) {
            return true;
        }
    }

    return false;
}

}

void start_token_keepers(ngx_cycle_t *cycle)
{
    guarded(cycle->log, false, [&]() {
        auto made = std::make_unique<Keepers>();

        for (const PoolConf *pool : pools_of(cycle)) {
            if (!pool->accounts.empty()
                || has_tokens(pool->zone->pool.tokens()))
            {
                made->list.push_back(std::make_unique<Keeper>(*pool));
            }
        }

        if (made->list.empty()) {
            return true;
        }

        keepers = made.release();

        keepers->dummy.fd = static_cast<ngx_socket_t>(-1);
        keepers->timer.handler = take_turns;
        keepers->timer.data = &keepers->dummy;
        keepers->timer.log = cycle->log;
        keepers->timer.cancelable = 1;

        ngx_add_timer(&keepers->timer, 1);

        return true;
    });
}

void stop_token_keepers()
{
    if (keepers == nullptr) {
        return;
    }

    std::unique_ptr<Keepers> mine(std::exchange(keepers, nullptr));

    if (mine->timer.timer_set) {
        ngx_del_timer(&mine->timer);
    }

    for (const std::unique_ptr<Keeper> &keeper : mine->list) {
        keeper->finish();
    }
}

}
