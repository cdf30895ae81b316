// Access tokens of service accounts, for every worker: one of them exchanges
// for all (nginx/token_keeper), and upstream may refuse a token to any.
#pragma once

#include "core/account/token_reply.hpp"
#include "core/keys/record.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::keys {

/// As it is sent.
struct Token {
    std::string text;                   // the caller wipes it
    std::uint64_t number = 0;           // another with each token
    std::int64_t expires_ms = 0;
};

/// What is known of an account's token, but for the token itself.
struct TokenState {
    std::uint64_t number = 0;           // 0: there has been none
    bool there = false;                 // it has not been wiped
    std::int64_t expires_ms = 0;
    std::int64_t next_try_ms = 0;
    bool refused = false;               // upstream does not take it
    bool in_vain = false;               // nor that in whose place it came
    std::int64_t refused_ms = 0;
    unsigned failures = 0;              // exchanges in a row
    account::Cause cause = account::Cause::none;    // of the last one
    std::string problem;

    bool usable(std::int64_t now_ms) const
    {
        return number != 0 && !refused && expires_ms > now_ms;
    }

    /// Whether it is time for an exchange.
    bool due(std::int64_t now_ms) const;
};

/// More make no sense, and Pool keeps their places in 16 bits.
constexpr std::size_t max_accounts = 1024;

struct alignas(64) TokenRecord {
    Word id;                            // 0: free
    Word version;                       // odd: being written
    Word number;                        // of the token; 0: none
    Word expires_ms;
    Word next_try_ms;
    Word flags;                         // cause, failures; whether the token
                                        // came in place of a refused one
    Word sizes;                         // of token, problem
    Word refused;                       // number of a token that was refused

    Word taken;                         // number of one that was accepted
    Word exchange_until_ms;             // one is under way; 0: none
    Word exchanger;                     // by which process
    Word refused_ms;                    // when that was; 0: long ago
    Word spare[4];
    char problem[192];
    char token[account::max_token];
};
static_assert(sizeof(TokenRecord) == 128 + 192 + 2048);
static_assert(sizeof(TokenRecord::problem) >= account::max_problem);

/// What upstream's refusal of a token means.
enum class TokenRefusal : std::uint8_t {
    outdated,           // that is known already, or there is another by now
    renews,             // it is dropped, and exchanged for at once
    in_vain             // it had come in place of a refused one itself: it is
                        // not the token that upstream refuses
};

/// A fixed table; accounts have their places from Pool::adopt on. Reading and
/// refusing need no lock: a record says how often it was written. Writers hold
/// the zone's lock, which the master frees when one dies.
class TokenTable {
public:
    TokenTable() = default;
    /// stored: grows with each token (Header::tokens_stored).
    TokenTable(Word *stored, TokenRecord *records, std::size_t capacity)
        : stored_(stored), records_(records), capacity_(capacity)
    {
    }

    std::size_t capacity() const { return capacity_; }

    /// Gives each id a place: the one it has, a free one, or that of one that
    /// is not among them. false: there are more than places, and nothing has
    /// changed. Under the lock.
    bool bind(const std::vector<std::uint64_t> &ids,
        std::vector<std::size_t> &places);

    /// Whether the account of this id may go out; on a request's path.
    bool usable(std::size_t place, std::uint64_t id,
        std::int64_t now_ms) const
    {
        const TokenRecord &record = records_[place];
        std::uint64_t number = record.number.load(std::memory_order_acquire);

        return number != 0
            && record.refused.load(std::memory_order_relaxed) != number
            && static_cast<std::int64_t>(record.expires_ms.load(
                   std::memory_order_relaxed)) > now_ms
            && record.id.load(std::memory_order_relaxed) == id;
    }

    /// Whether there will be a token in a moment: nothing is known to stand in
    /// its way.
    bool coming(std::size_t place, std::uint64_t id) const;

    /// Also one that was refused or has expired, while it is there; nullopt:
    /// there is none.
    std::optional<Token> read(std::size_t place, std::uint64_t id) const;

    /// nullopt: the place is another's, or its writer died.
    std::optional<TokenState> state(std::size_t place,
        std::uint64_t id) const;

    /// Upstream has refused the token of this number. One that it had refused
    /// before and accepted since gets another chance.
    TokenRefusal refuse(std::size_t place, std::uint64_t id,
        std::uint64_t number, std::int64_t now_ms);

    /// Whatever upstream has refused, a new token is wanted at once.
    void hurry(std::size_t place, std::uint64_t id);

    /// Upstream has accepted it.
    void accept(std::size_t place, std::uint64_t id, std::uint64_t number);

    /// Claims the exchange until then, for a process. false: somebody has
    /// claimed it, whose time is not over. `by` is then whose.
    bool begin_exchange(std::size_t place, std::uint64_t id,
        std::uint64_t &by, std::int64_t until_ms, std::int64_t now_ms);

    /// Whoever had it is gone.
    void end_exchange(std::size_t place, std::uint64_t by);

    // Under the lock.

    /// A token has come: it takes the place of the former, which is wiped.
    void store(std::size_t place, std::uint64_t id, std::string_view token,
        std::int64_t expires_ms, std::int64_t next_try_ms);

    /// None has come. The former, if there is one, holds as long as it does.
    void fail(std::size_t place, std::uint64_t id, account::Cause cause,
        std::string_view problem, unsigned failures,
        std::int64_t next_try_ms);

    /// Another configuration may have what the last one lacked: what is known
    /// to have failed is tried again at once.
    void forgive(std::size_t place, std::uint64_t id);

    /// The token is wiped; what is known of it but that it is there stays.
    void wipe_token(std::size_t place);

    /// Nothing is known of it any more.
    void forget(std::size_t place);

    /// By place, whoever it is; 0: nobody.
    std::uint64_t id_at(std::size_t place) const
    {
        return records_[place].id.load();
    }

    /// Everything that `from` knows, as far as there is room.
    void copy_from(const TokenTable &from);

private:
    template <typename Write>
    void write(std::size_t place, Write &&change);

    Word *stored_ = nullptr;
    TokenRecord *records_ = nullptr;
    std::size_t capacity_ = 0;
};

/// Of an account, what it wants to do, and who gives it tokens. Never zero.
std::uint64_t token_id(std::string_view client_email, std::string_view scope,
    std::string_view token_uri);

}
