// The pool: which credential a request goes out with, and what becomes of it.
// State lies in shared memory; everything here is a view of it.
#pragma once

#include "core/gemini/error.hpp"
#include "core/keys/candidates.hpp"
#include "core/keys/cells.hpp"
#include "core/keys/cooldown.hpp"
#include "core/keys/record.hpp"
#include "core/keys/window.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gw::keys {

enum class Balance : std::uint8_t {
    headroom, round_robin, random, least_used
};

/// A credential as configured.
struct Credential {
    std::string secret;
    std::string name;               // for people; mask(secret) if none given
    std::string project;            // empty: a project of its own
    unsigned weight = 1;            // 1 … 1000
    std::vector<std::string> models;        // globs; empty: all

    // Filled by Pool::adopt.
    std::uint64_t id = 0;
    std::uint64_t project_id = 0;   // == id without a project
    std::uint32_t slot = 0;
};

/// hash of a secret: identity across reloads and workers, never zero. From
/// SHA-256, so that it does not give the secret away.
std::uint64_t credential_id(std::string_view secret);

struct PoolOptions {
    Balance balance = Balance::headroom;
    CooldownRules cooldowns;
    bool sticky = false;
};

/// Sizes of one pool's shared memory.
struct Layout {
    std::uint32_t key_capacity;
    std::uint32_t cell_capacity;
    std::uint32_t model_capacity;
    std::uint32_t limit_capacity;

    /// Room for `keys` and growth: capacities are rounded up so that adding a
    /// few keys keeps the size, and so the state, over a reload.
    static Layout for_keys(std::size_t keys);

    /// The largest layout that fits into `bytes` and has room for `keys`;
    /// all zero: none.
    static Layout within(std::size_t bytes, std::size_t keys);

    std::size_t bytes() const;
};

/// Why no credential was found.
enum class Shortage : std::uint8_t {
    none,
    no_match,           // no credential is allowed to use the model
    resting_on_quota,   // at least one will be back from rate_limit or
                        // daily_quota
    resting,            // others only: unavailable, server_error, …
    all_invalid,        // every one is refused
    all_tried           // usable ones exist, but this request had them
};

struct Choice {
    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

    std::size_t credential = nobody;        // index into credentials()
    Shortage shortage = Shortage::none;
    std::int64_t back_at_ms = 0;            // the soonest, when known
    std::size_t looked_at = 0;              // what finding it took
    bool ok() const { return credential != nobody; }
};

/// What was chosen for, and what must not be chosen again.
struct Wanted {
    std::string_view model;                 // upstream id; empty: any
    const std::size_t *tried = nullptr;
    std::size_t tried_count = 0;
    std::uint64_t sticky = 0;               // hash of the client; 0: none
    std::uint64_t random = 0;               // fresh random bits
    std::int64_t now_ms = 0;
};

class Pool {
public:
    /// How many credentials one choice looks at before it takes the best;
    /// pools of up to this many are always searched whole. The whole of a
    /// larger pool is looked at only when all of these rest.
    static constexpr std::size_t max_looked_at = 16;

    /// A secret given twice counts once, as it was given first. Those without
    /// a name get their masked secret for one.
    Pool(std::vector<Credential> credentials, PoolOptions options);

    /// Takes zeroed shared memory of layout.bytes(), aligned to 64, into use.
    static void format(void *memory, const Layout &layout);

    /// Whether memory was formatted by this layout version with this layout.
    static bool formatted(const void *memory, const Layout &layout);

    /// Carries rests, counters and names over from another pool's memory of
    /// another size (the zone was resized). Both must be formatted, `to` not
    /// adopted yet.
    static void migrate(void *to, const void *from);

    /// Binds the credentials to their records: those known by id keep their
    /// state, new ones get a free slot (or one that no configuration has
    /// named for longest). false: more credentials than slots, and nothing
    /// has changed. In the master, before workers inherit it.
    bool adopt(void *memory);

    const std::vector<Credential> &credentials() const
    {
        return credentials_;
    }

    /// O(1) in the number of credentials while some are usable (O(log n) with
    /// weights). Takes the ticket of what it chooses at once, so that workers
    /// that choose at the same time see each other's choice; a plain store,
    /// because two that still meet only share a key for one request. Without
    /// quotas, headroom means the least recently used, by weight.
    Choice choose(const Wanted &wanted);

    /// A try goes out with it.
    void begin_try(std::size_t credential, std::int64_t now_ms);
    /// The try has ended, however.
    void end_try(std::size_t credential);
    /// A worker has died: nobody will end what it had begun. Tries of living
    /// workers go uncounted too until they end.
    void forget_tries();

    /// A 2xx with content came: ends the doubling.
    void succeeded(std::size_t credential, std::string_view model,
        std::int64_t now_ms);

    /// What a failure did: the settled class and until when what rests.
    /// until_ms == 0: nothing rests.
    struct Consequence {
        FailureClass failure = FailureClass::none;
        std::int64_t until_ms = 0;
        gemini::Scope scope = gemini::Scope::none;
        bool news = false;          // it was not resting so before
    };

    Consequence failed(std::size_t credential, std::string_view model,
        const gemini::Verdict &verdict, std::int64_t now_ms);

    /// For status: a credential's state for each model it rests for.
    struct ModelRest {
        std::string model;
        Rest rest;
    };

    struct View {
        const Credential *credential;
        Rest rest;                  // of the whole key
        std::vector<ModelRest> models;
        std::uint64_t requests;
        std::uint64_t failures;
        std::uint64_t in_flight;
        std::int64_t last_used_ms;
    };

    /// Every credential with its rests; not for a request's path.
    std::vector<View> view(std::int64_t now_ms) const;

    /// How many credentials are not refused as a whole.
    std::size_t usable(std::int64_t now_ms) const;

    /// Whether at least one credential is not refused; for health.
    bool healthy(std::int64_t now_ms) const { return usable(now_ms) != 0; }

    Header &header() { return *header_; }
    const Header &header() const { return *header_; }

    /// Of clients and client addresses, in the same memory.
    LimitTable limits() const
    {
        return LimitTable(limits_, header_->limit_capacity);
    }

private:
    class Search;

    /// What stands in a credential's way for a model.
    struct Standing {
        std::int64_t back_at_ms = 0;        // 0: nothing
        bool refused = false;               // the key as a whole
        bool quota = false;                 // rate_limit or daily_quota
    };

    /// The credential's record; nullptr: a later configuration has given its
    /// slot away, and this worker is one of an older.
    KeyRecord *record_of(const Credential &credential) const;

    Standing standing(const Credential &credential, std::uint64_t model_hash,
        std::int64_t now_ms) const;

    /// One word's part of failed(). written: what it holds since; 0: it was
    /// left alone.
    struct Change {
        Consequence consequence;
        std::uint64_t before = 0;
        std::uint64_t written = 0;
    };

    Change change(Word &word, const gemini::Verdict &verdict,
        std::int64_t now_ms) const;

    Consequence rest_cell(std::uint64_t owner, std::string_view model,
        const gemini::Verdict &verdict, std::int64_t now_ms);

    std::vector<Credential> credentials_;
    PoolOptions options_;
    CandidateIndex candidates_;
    Header *header_ = nullptr;
    KeyRecord *keys_ = nullptr;
    LimitRecord *limits_ = nullptr;
    CellTable cells_;
    ModelTable models_;
};

}
