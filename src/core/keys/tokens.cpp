// Records as those of added.cpp: odd while they are written, or since their
// writer died.
#include "core/keys/tokens.hpp"

#include "core/account/schedule.hpp"
#include "core/base/text.hpp"
#include "core/keys/shared_bytes.hpp"
#include "core/keys/wipe.hpp"

#include <algorithm>

namespace gw::keys {

namespace {

/// Writing a record takes far less than looking so often.
constexpr int looks = 400;

constexpr std::uint64_t cause_mask = 0xff;
constexpr std::uint64_t flag_instead = 0x100;   // of a refused one
constexpr int failures_shift = 32;

constexpr int problem_shift = 16;
constexpr std::uint64_t size_mask = 0xffff;

std::uint64_t word_of(std::int64_t ms)
{
    return static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0));
}

account::Cause cause_in(std::uint64_t flags)
{
    std::uint64_t cause = flags & cause_mask;

    return cause < static_cast<std::uint64_t>(account::Cause::causes)
        ? static_cast<account::Cause>(cause) : account::Cause::other;
}

/// Calls read between two looks at the version until both show the same.
/// false: it is another's, or its writer died.
template <typename Read>
bool read_whole(const TokenRecord &record, std::uint64_t id, Read &&read)
{
    for (int i = 0; i < looks; ++i) {
        std::uint64_t version = record.version.load(
            std::memory_order_acquire);

        if (version % 2 != 0) {
            continue;
        }

        if (record.id.load(std::memory_order_relaxed) != id) {
            return false;
        }

        read();
        std::atomic_thread_fence(std::memory_order_acquire);

        if (record.version.load(std::memory_order_relaxed) == version) {
            return true;
        }
    }

    return false;
}

}

bool TokenState::due(std::int64_t now_ms) const
{
    // In doubt about the clock: no plan reaches further.
    constexpr std::int64_t longest_ms = 13 * 3600 * 1000;
    bool planned = now_ms < next_try_ms && next_try_ms - now_ms < longest_ms;

    if (!refused || cause != account::Cause::none) {
        return !planned;
    }

    return !in_vain || now_ms - refused_ms >= account::long_pause_ms
           || refused_ms > now_ms;
}

template <typename Write>
void TokenTable::write(std::size_t place, Write &&change)
{
    TokenRecord &record = records_[place];
    std::uint64_t version = record.version.load();

    // After a writer that died the version is odd already.
    std::uint64_t writing = version + 1 + version % 2;
    record.version.store(writing, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);

    // What a writer that died has left may be half of a token.
    if (version % 2 != 0) {
        record.number.store(0, std::memory_order_relaxed);
        record.sizes.store(0, std::memory_order_relaxed);
        write_bytes(record.token, sizeof(record.token), {});
    }

    change(record);

    record.version.store(writing + 1, std::memory_order_release);
}

void TokenTable::forget(std::size_t place)
{
    write(place, [](TokenRecord &record) {
        for (Word *word : { &record.id, &record.number, &record.expires_ms,
                 &record.next_try_ms, &record.flags, &record.sizes,
                 &record.refused, &record.taken, &record.exchange_until_ms,
                 &record.exchanger, &record.refused_ms })
        {
            word->store(0, std::memory_order_relaxed);
        }

        write_bytes(record.problem, sizeof(record.problem), {});
        write_bytes(record.token, sizeof(record.token), {});
    });
}

bool TokenTable::bind(const std::vector<std::uint64_t> &ids,
    std::vector<std::size_t> &places)
{
    auto is_wanted = [&ids](std::uint64_t id) {
        return std::find(ids.begin(), ids.end(), id) != ids.end();
    };

    places.clear();

    if (ids.size() > capacity_) {
        return false;
    }

    for (std::uint64_t id : ids) {
        std::size_t known = 0;

        while (known < capacity_ && id_at(known) != id) {
            ++known;
        }

        // Free ones first: workers of an older configuration may still send
        // with the tokens of accounts that this one has not.
        for (bool free : { true, false }) {
            for (std::size_t i = 0; known == capacity_ && i < capacity_; ++i) {
                if (free ? id_at(i) == 0 : !is_wanted(id_at(i))) {
                    forget(i);
                    write(i, [id](TokenRecord &record) {
                        record.id.store(id, std::memory_order_relaxed);
                    });
                    known = i;
                }
            }

            if (known != capacity_) {
                break;
            }
        }

        places.push_back(known);
    }

    return true;
}

bool TokenTable::coming(std::size_t place, std::uint64_t id) const
{
    const TokenRecord &record = records_[place];

    std::uint64_t flags = record.flags.load(std::memory_order_relaxed);
    std::uint64_t number = record.number.load(std::memory_order_relaxed);

    bool given_up = (flags & flag_instead) != 0
        && record.refused.load(std::memory_order_relaxed) == number
        && record.taken.load(std::memory_order_relaxed) != number
        && record.refused_ms.load(std::memory_order_relaxed) != 0;

    return record.id.load(std::memory_order_relaxed) == id && !given_up
           && cause_in(flags) == account::Cause::none;
}

std::optional<Token> TokenTable::read(std::size_t place,
    std::uint64_t id) const
{
    const TokenRecord &record = records_[place];
    Token token;

    bool whole = read_whole(record, id, [&] {
        wipe(token.text);
        token.number = record.number.load(std::memory_order_relaxed);
        token.expires_ms = static_cast<std::int64_t>(
            record.expires_ms.load(std::memory_order_relaxed));
        read_bytes(record.token, std::min<std::size_t>(
            record.sizes.load(std::memory_order_relaxed) & size_mask,
            sizeof(record.token)), token.text);
    });

    if (!whole || token.number == 0 || token.text.empty()) {
        wipe(token.text);
        return std::nullopt;
    }

    return token;
}

std::optional<TokenState> TokenTable::state(std::size_t place,
    std::uint64_t id) const
{
    const TokenRecord &record = records_[place];
    TokenState state;

    bool whole = read_whole(record, id, [&] {
        std::uint64_t flags = record.flags.load(std::memory_order_relaxed);
        std::uint64_t sizes = record.sizes.load(std::memory_order_relaxed);

        state.number = record.number.load(std::memory_order_relaxed);
        state.there = (sizes & size_mask) != 0;
        state.expires_ms = static_cast<std::int64_t>(
            record.expires_ms.load(std::memory_order_relaxed));
        state.next_try_ms = static_cast<std::int64_t>(
            record.next_try_ms.load(std::memory_order_relaxed));
        state.refused = state.number != 0
            && record.refused.load(std::memory_order_relaxed)
               == state.number;
        state.in_vain = state.refused && (flags & flag_instead) != 0
            && record.taken.load(std::memory_order_relaxed) != state.number;
        state.refused_ms = static_cast<std::int64_t>(
            record.refused_ms.load(std::memory_order_relaxed));
        state.failures = static_cast<unsigned>(flags >> failures_shift);
        state.cause = cause_in(flags);
        read_bytes(record.problem, std::min<std::size_t>(
            sizes >> problem_shift & size_mask, sizeof(record.problem)),
            state.problem);
    });

    return whole ? std::make_optional(std::move(state)) : std::nullopt;
}

TokenRefusal TokenTable::refuse(std::size_t place, std::uint64_t id,
    std::uint64_t number, std::int64_t now_ms)
{
    TokenRecord &record = records_[place];

    if (number == 0 || record.number.load() != number
        || record.id.load() != id)
    {
        return TokenRefusal::outdated;
    }

    record.refused_ms.store(word_of(now_ms));
    bool known = record.refused.exchange(number) == number;

    if ((record.flags.load() & flag_instead) != 0
        && record.taken.load() != number)
    {
        return TokenRefusal::in_vain;
    }

    return known ? TokenRefusal::outdated : TokenRefusal::renews;
}

void TokenTable::hurry(std::size_t place, std::uint64_t id)
{
    if (id_at(place) == id) {
        records_[place].refused_ms.store(0);
    }
}

void TokenTable::accept(std::size_t place, std::uint64_t id,
    std::uint64_t number)
{
    TokenRecord &record = records_[place];

    // Not written each time: all workers read the line.
    if (record.taken.load(std::memory_order_relaxed) != number
        && record.number.load(std::memory_order_relaxed) == number
        && record.id.load(std::memory_order_relaxed) == id)
    {
        record.taken.store(number);
    }
}

bool TokenTable::begin_exchange(std::size_t place, std::uint64_t id,
    std::uint64_t &by, std::int64_t until_ms, std::int64_t now_ms)
{
    TokenRecord &record = records_[place];
    std::uint64_t seen = record.exchange_until_ms.load();

    if (record.id.load() != id) {
        by = 0;
        return false;
    }

    // A clock that was set back makes a claim no longer than it can be.
    if (static_cast<std::int64_t>(seen) > now_ms
        && static_cast<std::int64_t>(seen) <= until_ms)
    {
        by = record.exchanger.load();
        return false;
    }

    if (!record.exchange_until_ms.compare_exchange_strong(seen,
            word_of(until_ms)))
    {
        by = 0;
        return false;
    }

    record.exchanger.store(by);
    return true;
}

void TokenTable::end_exchange(std::size_t place, std::uint64_t by)
{
    TokenRecord &record = records_[place];

    if (record.exchanger.compare_exchange_strong(by, 0)) {
        record.exchange_until_ms.store(0);
    }
}

void TokenTable::store(std::size_t place, std::uint64_t id,
    std::string_view token, std::int64_t expires_ms, std::int64_t next_try_ms)
{
    if (id_at(place) != id || token.empty()
        || token.size() > account::max_token)
    {
        return;
    }

    write(place, [&](TokenRecord &record) {
        std::uint64_t former = record.number.load(std::memory_order_relaxed);
        bool instead = former != 0 && record.refused.load() == former;

        // Readers of usable() see no mixture of two.
        record.number.store(0, std::memory_order_release);
        record.expires_ms.store(word_of(expires_ms),
            std::memory_order_relaxed);
        record.next_try_ms.store(word_of(next_try_ms),
            std::memory_order_relaxed);
        record.flags.store(instead ? flag_instead : 0,
            std::memory_order_relaxed);
        record.sizes.store(token.size(), std::memory_order_relaxed);
        write_bytes(record.problem, sizeof(record.problem), {});
        write_bytes(record.token, sizeof(record.token), token);

        // The version that follows: of no other token of this place.
        record.number.store(
            record.version.load(std::memory_order_relaxed) + 1,
            std::memory_order_release);
    });

    stored_->fetch_add(1);
}

void TokenTable::fail(std::size_t place, std::uint64_t id,
    account::Cause cause, std::string_view problem, unsigned failures,
    std::int64_t next_try_ms)
{
    if (id_at(place) != id) {
        return;
    }

    problem = problem.substr(0, account::max_problem);

    write(place, [&](TokenRecord &record) {
        std::uint64_t instead = record.flags.load() & flag_instead;
        std::uint64_t token = record.sizes.load() & size_mask;

        record.next_try_ms.store(word_of(next_try_ms),
            std::memory_order_relaxed);
        record.flags.store(static_cast<std::uint64_t>(cause) | instead
                               | std::uint64_t{failures} << failures_shift,
            std::memory_order_relaxed);
        record.sizes.store(
            token | std::uint64_t{problem.size()} << problem_shift,
            std::memory_order_relaxed);
        write_bytes(record.problem, sizeof(record.problem), problem);
    });
}

void TokenTable::forgive(std::size_t place, std::uint64_t id)
{
    std::optional<TokenState> known = state(place, id);

    if (!known || known->cause != account::Cause::none) {
        fail(place, id, account::Cause::none, {}, 0, 0);
    }
}

void TokenTable::wipe_token(std::size_t place)
{
    write(place, [](TokenRecord &record) {
        std::uint64_t sizes = record.sizes.load();

        record.sizes.store(sizes & ~size_mask, std::memory_order_relaxed);
        write_bytes(record.token, sizeof(record.token), {});
    });
}

void TokenTable::copy_from(const TokenTable &from)
{
    std::size_t place = 0;

    for (std::size_t i = 0; i < from.capacity_ && place < capacity_; ++i) {
        std::uint64_t id = from.id_at(i);
        std::optional<TokenState> known = from.state(i, id);

        if (id == 0 || !known) {
            continue;
        }

        forget(place);
        write(place, [id](TokenRecord &record) {
            record.id.store(id, std::memory_order_relaxed);
        });

        if (std::optional<Token> token = from.read(i, id)) {
            if (!known->refused) {
                store(place, id, token->text, token->expires_ms,
                    known->next_try_ms);
            }

            wipe(token->text);
        }

        if (known->cause != account::Cause::none) {
            fail(place, id, known->cause, known->problem, known->failures,
                known->next_try_ms);
        }

        ++place;
    }
}

std::uint64_t token_id(std::string_view client_email, std::string_view scope,
    std::string_view token_uri)
{
    std::uint64_t id = hash64(token_uri, hash64(scope, hash64(client_email)));

    return id != 0 ? id : 1;
}

}
