// What a try and its outcome do to the records in shared memory. How a
// credential is chosen: choose.cpp; how the list of them comes about:
// pool_keys.cpp; what is exchanged with others: pool_share.cpp.
#include "core/keys/pool.hpp"

#include "core/account/schedule.hpp"
#include "core/base/text.hpp"
#include "core/keys/under_way.hpp"

#include <algorithm>

namespace gw::keys {

namespace {

/// A rest that moves by no more than this is no news for other hosts.
constexpr std::int64_t news_from_ms = 1000;

/// The doubling starts over; the rest itself stays. true: a rest that is over
/// has been followed by a success for the first time.
bool end_repeats(Word &word, std::int64_t now_ms)
{
    std::uint64_t seen = word.load();

    for ( ;; ) {
        Rest rest = unpack(seen);
        bool wakes = rest.repeats != 0 && !rest.active(now_ms);

        if (rest.repeats == 0 && !rest.perhaps_daily) {
            return false;
        }

        rest.repeats = 0;
        rest.perhaps_daily = false;

        if (word.compare_exchange_weak(seen, pack(rest))) {
            return wakes;
        }
    }
}

/// A change made here is later than any before it, even one that came from a
/// host whose clock is a little ahead.
void touch(Word &when, std::int64_t now_ms)
{
    auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(now_ms, 0));
    std::uint64_t seen = when.load();

    while (!when.compare_exchange_weak(seen, std::max(now, seen + 1))) {
    }
}

}

KeyRecord *Pool::record_of(const Credential &credential) const
{
    KeyRecord &record = keys_[credential.slot];

    return record.id.load(std::memory_order_acquire) == credential.id
        ? &record : nullptr;
}

void Pool::begin_try(std::size_t credential, std::int64_t now_ms)
{
    KeyRecord *record = record_of(credentials_[credential]);

    if (record == nullptr) {
        return;
    }

    record->requests.fetch_add(1, std::memory_order_relaxed);
    count_under_way(record->in_flight, header_->epoch.load(), 1);
    record->last_used_ms.store(static_cast<std::uint64_t>(now_ms),
        std::memory_order_relaxed);
}

void Pool::end_try(std::size_t credential)
{
    KeyRecord *record = record_of(credentials_[credential]);

    if (record == nullptr) {
        return;
    }

    count_under_way(record->in_flight, header_->epoch.load(), -1);
}

void Pool::forget_tries()
{
    header_->epoch.fetch_add(1);
}

void Pool::count_stream(int change)
{
    count_under_way(header_->streams, header_->epoch.load(), change);
}

std::uint64_t Pool::open_streams() const
{
    return under_way(header_->streams, header_->epoch.load());
}

UseRecord &Pool::use_of(std::uint64_t owner, std::string_view model,
    std::int64_t now_ms)
{
    return uses_.claim(CellTable::id_of(owner, hash64(model)), owner,
        models_.remember_unproven(model), now_ms);
}

Reservation Pool::charge(std::size_t credential, std::string_view model,
    std::int64_t tokens, std::int64_t now_ms)
{
    UseRecord &record = use_of(credentials_[credential].project_id, model,
        now_ms);
    Reservation reservation;

    keys::reserve(record, Limits{}, tokens, share(), now_ms, reservation);
    uses_.mark(record);

    return reservation;
}

void Pool::settle(const Reservation &reservation, std::int64_t tokens)
{
    if (UseRecord *record = uses_.find(reservation.use_id)) {
        keys::settle(*record, reservation, tokens);
        uses_.mark(*record);
    }
}

void Pool::give_back(const Reservation &reservation)
{
    if (UseRecord *record = uses_.find(reservation.use_id)) {
        keys::give_back(*record, reservation);
        uses_.mark(*record);
    }
}

void Pool::tell(EventKind kind, std::uint64_t owner, std::uint64_t model,
    const Rest &rest, bool remote, std::int64_t now_ms)
{
    Event event;
    event.kind = kind;
    event.remote = remote;
    event.failure = rest.failure;
    event.owner = owner;
    event.model = model;
    event.value = pack(rest);
    event.at_ms = now_ms;

    journal_.append(event);
}

void Pool::tell_change(const Change &done, std::uint64_t owner,
    std::uint64_t model, std::int64_t now_ms)
{
    Rest before = unpack(done.before);
    Rest after = unpack(done.written);

    if (done.consequence.news
        || after.until_ms - before.until_ms > news_from_ms)
    {
        tell(EventKind::rested, owner, model, after, false, now_ms);
    }
}

void Pool::succeeded(std::size_t credential, std::string_view model,
    std::int64_t now_ms)
{
    const Credential &key = credentials_[credential];

    if (KeyRecord *record = record_of(key)) {
        if (end_repeats(record->rest, now_ms)) {
            tell(EventKind::woke, key.id, 0, unpack(record->rest.load()),
                false, now_ms);
        }
    }

    std::uint64_t model_hash = hash64(model);

    // The name was not remembered when the request went out.
    if (!model.empty() && models_.find(model) == 0) {
        uses_.claim(CellTable::id_of(key.project_id, model_hash),
            key.project_id, models_.remember(model), now_ms);
    }

    auto wake = [&](std::uint64_t owner) {
        Cell *cell = cells_.find(CellTable::id_of(owner, model_hash));

        if (cell == nullptr || !end_repeats(cell->rest, now_ms)) {
            return;
        }

        if (std::uint64_t name = cell->model.load()) {
            tell(EventKind::woke, owner, name, unpack(cell->rest.load()),
                false, now_ms);
        }
    };

    wake(key.id);

    if (key.project_id != key.id) {
        wake(key.project_id);
    }
}

Pool::Change Pool::change(Word &word, const gemini::Verdict &verdict,
    std::int64_t now_ms) const
{
    std::uint64_t seen = word.load();

    for ( ;; ) {
        Rest before = unpack(seen);
        Rest after = next_rest(before, verdict, options_.cooldowns, now_ms);

        Change change;
        change.consequence.failure = settle_class(before, verdict, now_ms);
        change.consequence.until_ms = after.until_ms;
        change.consequence.scope = gemini::scope_of(verdict.failure);

        std::uint64_t packed = pack(after);

        if (after.until_ms == 0 || packed == seen) {
            return change;
        }

        change.before = seen;
        change.written = packed;
        change.consequence.news = !before.active(now_ms);

        if (word.compare_exchange_weak(seen, packed)) {
            return change;
        }
    }
}

Pool::Consequence Pool::rest_cell(std::uint64_t owner,
    std::string_view model, const gemini::Verdict &verdict,
    std::int64_t now_ms)
{
    std::uint64_t id = CellTable::id_of(owner, hash64(model));

    for ( ;; ) {
        // What an operator has switched off needs no cell.
        Cell *cell = cells_.find(id);
        Word none{0};

        if (cell == nullptr) {
            Consequence consequence = change(none, verdict, now_ms)
                .consequence;

            if (consequence.until_ms == 0) {
                return consequence;
            }

            cell = cells_.claim(id, now_ms);

            if (cell == nullptr) {
                // To rest the whole key instead would let one model's quota
                // take all others away: the failure is counted, and the next
                // request finds out again.
                header_->cells_lost.fetch_add(1, std::memory_order_relaxed);
                consequence.until_ms = 0;
                consequence.news = false;
                return consequence;
            }
        }

        // Each time, because whoever claimed it may have died before it got
        // to this; and before the rest, which nobody could tell whose it is.
        std::uint64_t name = models_.remember(model);
        cell->owner.store(owner);
        cell->model.store(name);

        Change done = change(cell->rest, verdict, now_ms);

        if (cell->id.load() == id) {

            if (done.written != 0) {
                touch(cell->rest_when_ms, now_ms);

                // Without a name nobody can be told which model it is.
                if (name != 0) {
                    tell_change(done, owner, name, now_ms);
                }
            }

            return done.consequence;
        }

        // Somebody took over the cell, which had rested long ago, in this
        // very moment. The rest is not his.
        if (done.written != 0) {
            cell->rest.compare_exchange_strong(done.written, done.before);
        }
    }
}

Pool::Consequence Pool::failed(std::size_t credential,
    std::string_view model, const gemini::Verdict &verdict,
    std::int64_t now_ms)
{
    const Credential &key = credentials_[credential];
    KeyRecord *record = record_of(key);

    if (record != nullptr && verdict.failure != FailureClass::none) {
        record->failures.fetch_add(1, std::memory_order_relaxed);
    }

    // Settling may make rate_limit the day's, which rests the same.
    switch (gemini::scope_of(verdict.failure)) {

    case gemini::Scope::key:
        if (record != nullptr) {
            Change done = change(record->rest, verdict, now_ms);

            if (done.written != 0) {
                touch(record->rest_when_ms, now_ms);
                tell_change(done, key.id, 0, now_ms);
            }

            return done.consequence;
        }

        break;

    case gemini::Scope::key_model:
        return rest_cell(key.id, model, verdict, now_ms);

    case gemini::Scope::project_model:
        return rest_cell(key.project_id, model, verdict, now_ms);

    case gemini::Scope::none:
        break;
    }

    Consequence consequence;
    consequence.failure = verdict.failure;

    return consequence;
}

void Pool::learn(std::size_t credential, std::string_view model,
    const std::vector<gemini::QuotaViolation> &violations,
    std::int64_t now_ms)
{
    std::uint64_t owner = credentials_[credential].project_id;

    for (const gemini::QuotaViolation &violation : violations) {
        std::optional<Lesson> lesson = lesson_of(violation);

        if (!lesson) {
            continue;
        }

        models_.remember(model);
        UseRecord &record = use_of(owner, model, now_ms);

        if (!keys::learn(record, lesson->quantity, lesson->value, now_ms)) {
            continue;
        }

        tell_limit(owner, record.model.load(), lesson->quantity,
            lesson->value, false, now_ms);
    }
}

void Pool::reset(std::size_t credential, std::int64_t now_ms)
{
    const Credential &key = credentials_[credential];

    if (key.account) {
        tokens_.hurry(key.token_place, key.token_id);
    }

    // Told even when nothing rests here: another host may know of a rest
    // that this one has not heard of.
    if (KeyRecord *record = record_of(key)) {
        record->rest.store(0);
        touch(record->rest_when_ms, now_ms);
        tell(EventKind::reset, key.id, 0, Rest{}, false, now_ms);
    }

    for (Cell &cell : cells_) {
        std::uint64_t owner = cell.owner.load();

        if ((owner != key.id && owner != key.project_id)
            || cell.id.load() == 0 || cell.rest.exchange(0) == 0)
        {
            continue;
        }

        touch(cell.rest_when_ms, now_ms);

        if (std::uint64_t name = cell.model.load()) {
            tell(EventKind::reset, owner, name, Rest{}, false, now_ms);
        }
    }
}

bool Pool::revive(std::size_t credential, std::int64_t now_ms)
{
    const Credential &key = credentials_[credential];
    KeyRecord *record = record_of(key);

    if (record == nullptr) {
        return false;
    }

    std::uint64_t seen = record->rest.load();

    do {
        Rest rest = unpack(seen);

        if (rest.failure != FailureClass::invalid || !rest.active(now_ms)) {
            return false;
        }

    } while (!record->rest.compare_exchange_weak(seen, 0));

    touch(record->rest_when_ms, now_ms);
    tell(EventKind::reset, key.id, 0, Rest{}, false, now_ms);

    return true;
}

bool Pool::refused(std::size_t credential, std::int64_t now_ms) const
{
    const KeyRecord *record = record_of(credentials_[credential]);

    if (record == nullptr) {
        return false;
    }

    Rest rest = unpack(record->rest.load());

    return rest.failure == FailureClass::invalid && rest.active(now_ms);
}

std::optional<Token> Pool::token_of(std::size_t credential) const
{
    const Credential &account = credentials_[credential];

    return account.account
        ? tokens_.read(account.token_place, account.token_id) : std::nullopt;
}

std::optional<TokenState> Pool::token_state_of(std::size_t credential) const
{
    const Credential &account = credentials_[credential];

    if (!account.account) {
        return std::nullopt;
    }

    // What cannot be read now is as if it were not there.
    return tokens_.state(account.token_place, account.token_id)
        .value_or(TokenState());
}

TokenRefusal Pool::refuse_token(std::size_t credential, std::uint64_t number,
    std::int64_t now_ms)
{
    const Credential &account = credentials_[credential];

    return tokens_.refuse(account.token_place, account.token_id, number,
        now_ms);
}

void Pool::accept_token(std::size_t credential, std::uint64_t number)
{
    const Credential &account = credentials_[credential];

    tokens_.accept(account.token_place, account.token_id, number);
}

bool Pool::restore_token(std::uint64_t token_id, std::string_view text,
    std::int64_t expires_ms, std::int64_t now_ms)
{
    for (std::size_t i = 0; i < tokens_.capacity(); ++i) {
        if (tokens_.id_at(i) != token_id) {
            continue;
        }

        std::optional<TokenState> known = tokens_.state(i, token_id);

        if (expires_ms <= now_ms || (known && known->number != 0
                                     && known->expires_ms >= expires_ms))
        {
            return false;
        }

        tokens_.store(i, token_id, text, expires_ms,
            expires_ms - account::renewal_margin_ms);

        return true;
    }

    return false;
}

bool Pool::can_go_out(const Credential &credential,
    std::int64_t now_ms) const
{
    return !credential.account
           || tokens_.usable(credential.token_place, credential.token_id,
                  now_ms)
           || tokens_.coming(credential.token_place, credential.token_id);
}

}
