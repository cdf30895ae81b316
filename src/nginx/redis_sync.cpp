// Reading: everything at first, then what the bus brings.
#include "nginx/redis_sync.hpp"

#include "core/base/duration.hpp"
#include "nginx/glue.hpp"
#include "nginx/log.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace gw::ngx {

namespace {

constexpr std::int64_t check_every_ms = 30 * 1000;
/// More than any host adds between two messages.
constexpr std::int64_t max_delta = 1000 * 1000 * 1000;

constexpr std::int64_t minute_ms = 60 * 1000;

/// Fetched by a host that joins: signatures are many and soon of no use.
constexpr std::size_t most_signatures = 1000;
constexpr std::size_t most_resources = 10 * 1000;

bool read_number(std::string_view text, std::int64_t &number)
{
    auto [end, error] = std::from_chars(text.data(),
        text.data() + text.size(), number);

    return error == std::errc() && end == text.data() + text.size();
}

}

RedisSync::RedisSync(PoolZone &zone, const share::Seal *seal,
    const RedisKeys &names, ngx_log_t *log, Handlers handlers)
    : zone_(zone),
      pool_(zone.pool),
      seal_(seal),
      names_(names),
      log_(log),
      handlers_(std::move(handlers)),
      signatures_({ names.signature(""), most_signatures,
              [this](std::uint64_t id) {
                  std::string known;
                  return zone_.signatures().find(id, known); },
              [this](std::uint64_t id, std::string_view value) {
                  take_signature(share::hex_id(id), value); } },
          handlers_.refused),
      resources_({ names.resource(""), most_resources,
              [this](std::uint64_t id) {
                  auto known = pool_.resources().known(id, now_ms());
                  return known && !known->is_guess(now_ms()); },
              [this](std::uint64_t id, std::string_view value) {
                  take_resource(share::hex_id(id), value); } },
          handlers_.refused)
{
}

std::int64_t RedisSync::offset() const
{
    return static_cast<std::int64_t>(pool_.header().clock_offset_ms.load());
}

std::int64_t RedisSync::redis_now() const
{
    return now_ms() + offset();
}

void RedisSync::begin(RedisConnection &connection)
{
    connection_ = &connection;
    joining_ = true;
    told_in_step_ = false;
    waiting_ = false;

    if (!has_position_) {
        // A little back: the worker that had the link before may have died
        // with it in its hands. What is told twice does no harm.
        std::uint64_t next = pool_.journal().next();

        has_position_ = true;
        position_ = next - std::min<std::uint64_t>(next, 256);
    }

    signatures_.start(connection);
    resources_.start(connection);
    read_all();
}

void RedisSync::end()
{
    connection_ = nullptr;
    waiting_ = false;
    scan_.stop();
    signatures_.stop();
    resources_.stop();

    for (Outgoing &out : queue_) {
        if (out.kind == Outgoing::Kind::old_use) {
            old_uses_.push_back(std::move(out.use));
        }
    }

    queue_.clear();

    for (auto *uses : { &uses_, &old_uses_, &sent_uses_ }) {
        pool_.return_unsent(*uses);
        uses->clear();
    }
}

void RedisSync::tick()
{
    raise_totals();

    if (connection_ == nullptr || joining_) {
        return;
    }

    if (now_ms() >= check_at_ms_ && !scan_.is_running()) {
        read_all();
    }

    send();
    signatures_.tick();
    resources_.tick();
}

bool RedisSync::idle() const
{
    return queue_.empty() && uses_.empty() && old_uses_.empty() && !waiting_;
}

void RedisSync::check_soon(std::int64_t in_ms)
{
    check_at_ms_ = std::min(check_at_ms_, now_ms() + in_ms);
}

void RedisSync::read_all()
{
    std::int64_t now = redis_now();

    standing_ = Standing();
    standing_.day_number = pacific_day(now);

    // Not all together, with all hosts.
    check_at_ms_ = now_ms() + check_every_ms
                   + static_cast<std::int64_t>(ngx_random() % 5000);

    std::vector<RedisScan::Hash> hashes = {
        { names_.rest, [this](auto f, auto v) {
            if (auto change = share::read_rest(f, v, offset())) {
                take_standing(f, *change);
            } } },
        { names_.limit, [this](auto f, auto v) {
            standing_.limits[std::string(f)] = take_limit(f, v); } },
        { names_.keys, [this](auto f, auto v) {
            standing_.keys[std::string(f)] = take_key(f, v); } },
        { names_.use(standing_.day_number), [this](auto f, auto v) {
            take_count(standing_.day, f, v, minute_ms); } },
    };

    if (joining_) {
        // Of the minute before, what is likely to be less than a minute ago.
        std::int64_t minute = now / minute_ms;
        std::int64_t part = minute_ms - now % minute_ms;

        hashes.push_back({ names_.use(minute), [this](auto f, auto v) {
            take_count(standing_.minute, f, v, minute_ms); } });
        hashes.push_back({ names_.use(minute - 1), [this, part](auto f,
            auto v) { take_count(standing_.minute, f, v, part); } });
    }

    scan_.start(*connection_, std::move(hashes), [this]() { have_read(); },
        handlers_.refused);
}

void RedisSync::have_read()
{
    if (joining_) {
        take_minute();
    }

    take_day();
    push_all();

    standing_ = Standing();
    joining_ = false;
}

void RedisSync::take_standing(std::string_view field,
    const keys::RestChange &change)
{
    if (is_over(change)) {
        standing_.ended.emplace_back(field);
        return;
    }

    standing_.rests[std::string(field)] = change.when_ms;
    pool_.apply(change, now_ms());
}

void RedisSync::take_rest(std::string_view field, std::string_view value)
{
    if (auto change = share::read_rest(field, value, offset())) {
        pool_.apply(*change, now_ms());
    }
}

std::int64_t RedisSync::take_limit(std::string_view field,
    std::string_view value)
{
    auto limit = share::read_limit(field, value, offset());

    if (!limit) {
        return 0;
    }

    pool_.apply(*limit, now_ms());
    return limit->when_ms;
}

std::int64_t RedisSync::take_key(std::string_view field,
    std::string_view value)
{
    auto key = share::read_key(field, value, offset());

    if (!key) {
        return 0;
    }

    keys::KeyChange &change = key->change;

    if (change.added && !change.removed) {
        std::optional<std::string> secret;

        if (seal_ != nullptr) {
            secret = seal_->open(key->sealed, share::hex_id(change.id));
        }

        // Sealed by another secret than ours, or not the key it says it is.
        if (!secret || keys::credential_id(*secret) != change.id) {
            return change.when_ms;
        }

        change.secret = std::move(*secret);
    }

    keys::Pool::Changed changed;

    {
        ZoneLock lock(zone_.shm);
        changed = pool_.change_key(change, true, now_ms());
    }

    OPENSSL_cleanse(change.secret.data(), change.secret.size());

    if (changed == keys::Pool::Changed::no_room && !said_full_) {
        said_full_ = true;
        ngx_log_error(NGX_LOG_CRIT, log_, 0,
            "gemini: %V has no room for a key that another host has added",
            &zone_.shm->shm.name);
    }

    return change.when_ms;
}

void RedisSync::take_count(CountMap &counts, std::string_view field,
    std::string_view value, std::int64_t part) const
{
    std::int64_t number = 0;

    if (field.size() < 2 || field[field.size() - 2] != '|'
        || !read_number(value, number) || number < 0)
    {
        return;
    }

    // All of it, or so much as falls on these milliseconds of its minute.
    number = part == minute_ms || number > (std::int64_t{1} << 40)
        ? number : (number * part + minute_ms - 1) / minute_ms;

    Counts &of = counts[std::string(field.substr(0, field.size() - 2))];
    (field.back() == 'r' ? of.requests : of.tokens) += number;
}

RedisSync::CountMap RedisSync::used_this_minute()
{
    CountMap used;

    for (const keys::Pool::View &view : pool_.view(now_ms())) {
        for (const keys::Pool::ModelUse &use : view.uses) {
            used[share::use_field(view.credential->project_id, use.model)] = {
                use.rpm, use.tpm };
        }
    }

    return used;
}

// What all hosts together have used in the last minute, less what is known
// here already; of that, our own that was never told is not in Redis.
void RedisSync::take_minute()
{
    CountMap used = used_this_minute();

    // What is older than a minute is no part of it.
    std::vector<keys::UseDelta> unsent = pool_.take_unsent();
    old_uses_ = split_old(unsent, used);
    pool_.return_unsent(unsent);

    for (const keys::UseDelta &use : unsent) {
        Counts &known = used[share::use_field(use.owner, use.model)];

        known.requests = std::max<std::int64_t>(
            known.requests - use.requests, 0);
        known.tokens = std::max<std::int64_t>(known.tokens - use.tokens, 0);
    }

    for (const auto &[field, counts] : standing_.minute) {
        keys::UseDelta use;
        const Counts &known = used[field];

        use.requests = std::max<std::int64_t>(
            counts.requests - known.requests, 0);
        use.tokens = std::max<std::int64_t>(counts.tokens - known.tokens, 0);

        if ((use.requests != 0 || use.tokens != 0)
            && share::read_use_field(field, use.owner, use.model))
        {
            pool_.apply(use, now_ms());
        }
    }
}

void RedisSync::take_day()
{
    // At first they are wanted at once: nothing else is known. Later the
    // messages that they include may still be on their way.
    std::int64_t due = joining_ ? 0 : now_ms() + 1000;

    for (const auto &[field, counts] : standing_.day) {
        keys::UseTotal total;

        if (share::read_use_field(field, total.owner, total.model)) {
            total.day = standing_.day_number;
            total.requests = counts.requests;
            total.tokens = counts.tokens;
            totals_.push_back({ due, std::move(total) });
        }
    }

    raise_totals();
}

void RedisSync::raise_totals()
{
    while (!totals_.empty() && totals_.front().due_ms <= now_ms()) {
        pool_.apply(totals_.front().total, now_ms());
        totals_.pop_front();
    }
}

void RedisSync::take_use(std::string_view field, std::string_view value)
{
    keys::UseDelta use;
    std::size_t space = value.find(' ');

    if (space != std::string_view::npos
        && share::read_use_field(field, use.owner, use.model)
        && read_number(value.substr(0, space), use.requests)
        && read_number(value.substr(space + 1), use.tokens)
        && std::abs(use.requests) <= max_delta
        && std::abs(use.tokens) <= max_delta)
    {
        pool_.apply(use, now_ms());
    }
}

void RedisSync::take_signature(std::string_view field, std::string_view value)
{
    auto id = share::read_id(field);

    if (id && *id != 0 && is_signature(value)) {
        zone_.signatures().keep(*id, value, now_ms());
    }
}

void RedisSync::take_resource(std::string_view field, std::string_view value)
{
    if (auto resource = share::read_resource(field, value, offset())) {
        (void) pool_.keep_resource(*resource, true, now_ms());
    }
}

void RedisSync::receive(std::string_view message)
{
    std::uint64_t host = 0;
    std::vector<share::Item> items;

    if (!share::read_message(message, host, items)
        || host == zone_.host_id())
    {
        return;
    }

    zone_.link_report().received.fetch_add(1);

    for (const share::Item &item : items) {
        if (item.kind == "use") {
            take_use(item.field, item.value);

        } else if (item.kind == "rest") {
            take_rest(item.field, item.value);

        } else if (item.kind == "limit") {
            take_limit(item.field, item.value);

        } else if (item.kind == "key") {
            take_key(item.field, item.value);

        } else if (item.kind == "sig") {
            take_signature(item.field, item.value);

        } else if (item.kind == "res") {
            take_resource(item.field, item.value);

        } else if (item.kind == "hello" || item.kind == "bye") {
            handlers_.hosts_changed();
            check_soon(1000);
        }
    }
}

}
