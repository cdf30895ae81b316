// The pool: which credential a request goes out with, and what becomes of it.
// State lies in shared memory; everything here is a view of it.
#pragma once

#include "core/gemini/api.hpp"
#include "core/gemini/error.hpp"
#include "core/keys/added.hpp"
#include "core/keys/candidates.hpp"
#include "core/keys/cells.hpp"
#include "core/keys/changes.hpp"
#include "core/keys/cooldown.hpp"
#include "core/keys/journal.hpp"
#include "core/keys/metrics.hpp"
#include "core/keys/quota.hpp"
#include "core/keys/record.hpp"
#include "core/keys/resources.hpp"
#include "core/keys/tokens.hpp"
#include "core/keys/trail.hpp"
#include "core/keys/use.hpp"
#include "core/keys/window.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gw::keys {

enum class Balance : std::uint8_t {
    headroom, round_robin, random, least_used
};

/// A credential as configured, or added while nginx runs.
struct Credential {
    std::string secret;
    std::string name;               // for people; mask(secret) if none given
    std::string project;            // empty: a project of its own
    unsigned weight = 1;            // 1 … 1000
    std::vector<std::string> models;        // globs; empty: all
    gemini::Api api = gemini::Api::gemini;

    // A service account has no key but is given access tokens; `secret` is
    // then its identity, which is never sent.
    bool account = false;
    std::string client_email;       // of an account
    std::string cloud_project;      // of an account: in Vertex' paths, or
                                    // whose quota Gemini's API charges
    std::string location;           // of Vertex AI
    std::uint64_t token_id = 0;     // of an account: whose tokens it is given;
                                    // several may share them

    bool added = false;             // it stands in no configuration
    bool enabled = true;            // false: switched off by hand
    bool removed = false;           // an added one that is gone; its place in
                                    // the list stays for requests under way

    // Filled by Pool::adopt and Pool::refresh.
    std::uint64_t id = 0;
    std::uint64_t project_id = 0;   // == id without a project
    std::uint32_t slot = 0;
    std::uint32_t token_place = 0;  // of an account, in tokens()

    bool usable() const { return enabled && !removed; }
};

inline gemini::Place place_of(const Credential &credential)
{
    return { credential.api, credential.cloud_project, credential.location };
}

/// hash of a secret: identity across reloads and workers, never zero. From
/// SHA-256, so that it does not give the secret away.
std::uint64_t credential_id(std::string_view secret);

struct PoolOptions {
    Balance balance = Balance::headroom;
    CooldownRules cooldowns;
    QuotaRules quotas;
    bool sticky = false;
};

/// Sizes of one pool's shared memory.
struct Layout {
    std::uint32_t key_capacity;
    std::uint32_t cell_capacity;
    std::uint32_t model_capacity;
    std::uint32_t limit_capacity;
    std::uint32_t use_capacity;
    std::uint32_t added_capacity;       // keys added at run time; they have
                                        // their share of key_capacity
    std::uint32_t journal_capacity;
    std::uint32_t trail_capacity;
    std::uint32_t metric_capacity;
    std::uint32_t resource_capacity;
    std::uint32_t token_capacity;

    /// Room for `keys` and growth: capacities are rounded up so that adding a
    /// few keys keeps the size, and so the state, over a reload.
    /// accounts: of the tokens that accounts share.
    static Layout for_keys(std::size_t keys, std::size_t accounts = 0);

    /// The largest layout that fits into `bytes` and has room for `keys`;
    /// all zero: none.
    static Layout within(std::size_t bytes, std::size_t keys,
        std::size_t accounts = 0);

    std::size_t bytes() const;
};

/// Why no credential was found.
enum class Shortage : std::uint8_t {
    none,
    no_match,           // no credential is allowed to use the model
    resting_on_quota,   // at least one will be back from rate_limit or
                        // daily_quota, or has used up a known quota
    resting,            // others only: unavailable, server_error, …
    all_invalid,        // every one is refused
    no_token,           // what else could be used is an account without one
    all_tried           // usable ones exist, but this request had them
};

struct Choice {
    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

    std::size_t credential = nobody;        // index into credentials()
    Shortage shortage = Shortage::none;
    std::int64_t back_at_ms = 0;            // the soonest, when known
    std::string_view without_token;         // name of an account that has
                                            // none; until the next refresh
    bool token_coming = false;              // some account will have one in a
                                            // moment
    std::size_t looked_at = 0;              // what finding it took
    Reservation reservation;                // taken from its quota
    Trail trail;                            // why this one
    bool ok() const { return credential != nobody; }
};

/// What was chosen for, and what must not be chosen again.
struct Wanted {
    std::string_view model;                 // upstream id; empty: any
    const std::size_t *tried = nullptr;
    std::size_t tried_count = 0;
    gemini::Apis apis = gemini::every_api;  // that can serve it
    std::uint64_t project = 0;              // Credential::project_id of what
                                            // it needs; 0: none
    std::uint64_t sticky = 0;               // hash of the client; 0: none
    std::uint64_t random = 0;               // fresh random bits
    std::int64_t tokens = 0;                // estimated input
    /// Should none be usable: the one whose rest ends soonest. Refused ones
    /// are not used even so, nor those whose known quota is used up.
    bool soonest = false;
    /// Only to know: nothing is taken, reserved or kept.
    bool peek = false;
    std::uint64_t request[2] = { 0, 0 };    // its id, for the trail
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
    /// named for longest). Keys added at run time keep theirs too. false: more
    /// credentials than slots, and nothing has changed. In the master, before
    /// workers inherit it.
    bool adopt(void *memory);

    /// Takes what has changed at run time (added.hpp) into this worker's list.
    /// choose() and whoever looks credentials up do it themselves; cheap when
    /// nothing has changed. Indices stay what they were; an index that has
    /// been removed for long may be given to another.
    void refresh(std::int64_t now_ms);

    const std::vector<Credential> &credentials() const
    {
        return credentials_;
    }

    /// O(1) in the number of credentials while some are usable (O(log n) with
    /// weights). Takes the ticket of what it chooses at once, so that workers
    /// that choose at the same time see each other's choice, and reserves the
    /// request in its quota: one whose known quota is used up is never chosen.
    ///
    /// headroom: the smallest used part of any known limit, by weight; between
    /// equals, and without known limits, the least recently used, by weight.
    ///
    /// What was chosen and why is kept in trails() (not for an empty model).
    Choice choose(const Wanted &wanted);

    /// A try goes out with it.
    void begin_try(std::size_t credential, std::int64_t now_ms);
    /// The try has ended, however.
    void end_try(std::size_t credential);
    /// A worker has died: nobody will end what it had begun. Tries of living
    /// workers go uncounted too until they end.
    void forget_tries();

    /// The same credential once more, without a choice: counts against its
    /// quota whatever is left of it.
    Reservation charge(std::size_t credential, std::string_view model,
        std::int64_t tokens, std::int64_t now_ms);

    /// Upstream has said what the request cost.
    void settle(const Reservation &reservation, std::int64_t tokens);

    /// It was never sent.
    void give_back(const Reservation &reservation);

    /// A 2xx with content came: ends the doubling; after a rest the journal
    /// gets a `woke`.
    void succeeded(std::size_t credential, std::string_view model,
        std::int64_t now_ms);

    /// What a failure did: the settled class and until when what rests.
    /// until_ms == 0: nothing rests. News goes to the journal.
    struct Consequence {
        FailureClass failure = FailureClass::none;
        std::int64_t until_ms = 0;
        gemini::Scope scope = gemini::Scope::none;
        bool news = false;          // it was not resting so before
    };

    Consequence failed(std::size_t credential, std::string_view model,
        const gemini::Verdict &verdict, std::int64_t now_ms);

    /// Limits that a 429 has named become known.
    void learn(std::size_t credential, std::string_view model,
        const std::vector<gemini::QuotaViolation> &violations,
        std::int64_t now_ms);

    // Of service accounts.

    TokenTable &tokens() { return tokens_; }
    const TokenTable &tokens() const { return tokens_; }

    /// What it goes out with now; nullopt: it has no token, or needs none.
    std::optional<Token> token_of(std::size_t credential) const;

    /// What is known of it; nullopt: it needs none.
    std::optional<TokenState> token_state_of(std::size_t credential) const;

    /// Upstream has refused, or accepted, the account's token of that number.
    TokenRefusal refuse_token(std::size_t credential, std::uint64_t number,
        std::int64_t now_ms);
    void accept_token(std::size_t credential, std::uint64_t number);

    /// A token that was kept somewhere, and what it is for. false: no account
    /// needs it, or what there is holds as long. Under the zone's lock.
    bool restore_token(std::uint64_t token_id, std::string_view text,
        std::int64_t expires_ms, std::int64_t now_ms);

    // By hand.

    /// Ends all rests of a credential, its project's too.
    void reset(std::size_t credential, std::int64_t now_ms);

    /// Upstream accepts it again: ends the rest of the whole key if that is
    /// `invalid`, no other. false: it was not resting so.
    bool revive(std::size_t credential, std::int64_t now_ms);

    /// Whether it rests as `invalid`.
    bool refused(std::size_t credential, std::int64_t now_ms) const;

    /// What somebody asks for by id (16 hex digits), name, or unambiguous
    /// beginning of the key (at least 4 characters).
    struct Found {
        std::size_t credential = Choice::nobody;
        bool ambiguous = false;
    };

    Found find(std::string_view text, std::int64_t now_ms);

    enum class Changed : std::uint8_t {
        done,
        unchanged,          // what is known is as new
        no_room
    };

    /// Adds, changes or removes a key on every worker, at once. The caller
    /// holds the zone's lock. remote: it came from another host.
    Changed change_key(const KeyChange &change, bool remote,
        std::int64_t now_ms);

    // From and to other hosts and the state file. pool_share.cpp

    /// Later `when` wins. false: what is known is as new.
    bool apply(const RestChange &change, std::int64_t now_ms);
    bool apply(const LearnedLimit &limit, std::int64_t now_ms);
    void apply(const UseDelta &use, std::int64_t now_ms);
    void apply(const UseTotal &total, std::int64_t now_ms);

    /// All that rests or was reset within a day.
    std::vector<RestChange> rests(std::int64_t now_ms) const;
    std::vector<LearnedLimit> learned(std::int64_t now_ms) const;
    std::vector<UseTotal> totals(std::int64_t now_ms) const;
    std::vector<KeyChange> key_changes() const;

    /// What holds now of what an event tells of; nullopt: nothing any more.
    std::optional<RestChange> rest_of(const Event &event) const;
    std::optional<LearnedLimit> limit_of(const Event &event) const;
    std::optional<KeyChange> key_of(const Event &event) const;

    /// Usage nobody was told of yet; it counts as told from now on.
    std::vector<UseDelta> take_unsent();
    /// Telling has failed.
    void return_unsent(const std::vector<UseDelta> &uses);

    /// For status: a credential's state for each model it rests for.
    struct ModelRest {
        std::string model;
        Rest rest;
    };

    /// What it has used of a model's quota, its project's if it has one.
    struct ModelUse {
        std::string model;
        std::int64_t rpm, rpd, tpm, tpd;    // used
        Limits limits;                      // known; 0: not
        Limits learned;                     // those of them learned
    };

    struct View {
        std::size_t index;          // in credentials()
        const Credential *credential;
        Rest rest;                  // of the whole key
        std::vector<ModelRest> models;
        std::vector<ModelUse> uses;
        std::uint64_t requests;
        std::uint64_t failures;
        std::uint64_t in_flight;
        std::int64_t last_used_ms;
        std::optional<TokenState> token;    // of an account
    };

    /// Every credential that is not removed, with its rests and usage; not for
    /// a request's path.
    std::vector<View> view(std::int64_t now_ms) const;

    /// The last choices, newest first.
    std::vector<KeptTrail> trails(std::size_t most) const
    {
        return trails_.newest(most);
    }

    /// Of a Cell, UseRecord, Event, KeptTrail or Series; empty: unknown.
    std::string model_name(std::uint64_t index_plus_one) const
    {
        return models_.name_at(index_plus_one);
    }

    /// For a label: 0 when there is no room for more names.
    std::uint64_t model_index(std::string_view model)
    {
        return models_.remember(model);
    }

    /// The same of a name that is remembered already; 0: it is not.
    std::uint64_t known_model_index(std::string_view model) const
    {
        return models_.find(model);
    }

    /// The credential in a slot of the table; nobody: none.
    std::size_t credential_in(std::uint32_t slot) const;

    /// How many credentials are enabled and not refused as a whole.
    std::size_t usable(std::int64_t now_ms) const;

    /// Whether at least one credential is not refused; for health.
    bool healthy(std::int64_t now_ms) const { return usable(now_ms) != 0; }

    Journal &journal() { return journal_; }

    /// What clients have stored upstream, and whose it is.
    const ResourceTable &resources() const { return resources_; }

    /// Keeps what is known of one, and tells it. remote: from another host,
    /// or a guess: other hosts are not to hear of it.
    bool keep_resource(const Resource &resource, bool remote,
        std::int64_t now_ms);

    MetricTable &metrics() { return metrics_; }
    const MetricTable &metrics() const { return metrics_; }

    HostShare share() const
    {
        return HostShare::of(header_->hosts.load(std::memory_order_relaxed));
    }

    /// Streams to clients that are open now.
    void count_stream(int change);
    std::uint64_t open_streams() const;

    Header &header() { return *header_; }
    const Header &header() const { return *header_; }

    /// Of clients and client addresses, in the same memory.
    LimitTable limits() const
    {
        return LimitTable(limits_, header_->limit_capacity);
    }

private:
    class Search;

    /// All candidates of a large pool rest: until then, or something happens,
    /// nobody needs to look at them again.
    struct Shut {
        std::int64_t until_ms = 0;          // 0: they do not
        std::uint64_t journal_next = 0;     // as it was before the search
        std::uint64_t keys_version = 0;
        Shortage shortage = Shortage::none;
        std::int64_t back_at_ms = 0;
        Trail trail;
    };

    /// What this worker remembers of a model from one choice to the next.
    struct ModelFacts {
        std::uint64_t hash = 0;
        std::uint64_t generation = 0;       // of the Header it holds for
        std::uint64_t index = 0;            // of its ModelName + 1
        Limits limits;                      // configured
        Shut shut;
    };

    ModelFacts &facts_of(std::string_view model, std::uint64_t hash);

    /// What a choice needs of a credential, close together: of 10,000 the
    /// whole Credentials stand in no cache.
    struct Brief {
        std::uint64_t id;
        std::uint64_t project_id;
        std::uint32_t slot;
        std::uint16_t weight;
        std::uint16_t token;                // token_place + 1; 0: a key
    };

    /// By index; made anew when a slot or a key may have changed.
    void refresh_briefs();

    /// The credential's record; nullptr: a later configuration has given its
    /// slot away, and this worker is one of an older.
    KeyRecord *record_of(const Credential &credential) const;

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

    void tell(EventKind kind, std::uint64_t owner, std::uint64_t model,
        const Rest &rest, bool remote, std::int64_t now_ms);

    void tell_limit(std::uint64_t owner, std::uint64_t model,
        Quantity quantity, std::int64_t value, bool remote,
        std::int64_t now_ms);

    /// Told when it is news for others than this request.
    void tell_change(const Change &done, std::uint64_t owner,
        std::uint64_t model, std::int64_t now_ms);

    /// The record of whatever key, this worker's or not; nullptr: none.
    KeyRecord *record_with(std::uint64_t id) const;

    UseRecord &use_of(std::uint64_t owner, std::string_view model,
        std::int64_t now_ms);

    /// The model of a cell or use; empty when it is not known for certain:
    /// the name was cut or lost, or whoever claimed the record has died.
    std::string certain_model(std::uint64_t id, std::uint64_t owner,
        std::uint64_t model_index) const;

    bool apply_rest(Word &word, Word &when, const RestChange &change);

    // Keys added at run time. pool_keys.cpp, pool_change.cpp

    /// What the configuration says; changes at run time go over it.
    struct Configured {
        std::string name;
        unsigned weight;
    };

    void take_changes(std::int64_t now_ms);
    void take_override(std::uint32_t index, const KeyChange &change);
    void take_added(const KeyChange &change, std::uint32_t slot,
        std::int64_t now_ms);
    std::uint32_t place_for(std::uint64_t id, std::int64_t now_ms);
    bool is_configured(std::uint64_t id) const;

    /// Gives accounts their places in tokens(). false: too few.
    bool bind_tokens();

    /// Whether nothing but a rest can stand in its way.
    bool can_go_out(const Credential &credential, std::int64_t now_ms) const;

    /// Makes a slot the record of a key; for adopt() and under the lock.
    void give_slot(std::uint32_t slot, std::uint64_t id);

    /// false: there is none.
    bool take_slot(std::uint64_t id);

    /// The key is gone; its record is the first to be given to another.
    void leave_slot(std::uint64_t id);

    /// As it is kept; nullopt: it means nothing here.
    std::optional<KeyChange> settled(const KeyChange &change, bool remote,
        const std::optional<KeyChange> &known) const;
    Changed write_change(const KeyChange &change,
        const std::optional<KeyChange> &known, bool remote,
        std::int64_t now_ms);

    std::vector<Credential> credentials_;   // the configured ones come first
    std::vector<Configured> configured_;
    std::vector<std::int64_t> removed_at_ms_;       // by index
    std::unordered_map<std::uint64_t, std::uint32_t> by_id_;
    std::vector<std::uint32_t> in_slot_;    // index + 1, by slot
    PoolOptions options_;
    CandidateIndex candidates_;
    std::uint64_t seen_version_ = 0;        // of keys_version
    Header *header_ = nullptr;
    KeyRecord *keys_ = nullptr;
    LimitRecord *limits_ = nullptr;
    CellTable cells_;
    ModelTable models_;
    UseTable uses_;
    AddedTable added_;
    ResourceTable resources_;
    Journal journal_;
    TrailRing trails_;
    MetricTable metrics_;
    TokenTable tokens_;
    std::array<ModelFacts, turn_cursors> facts_;    // by hash
    std::vector<Brief> briefs_;
    std::uint64_t briefs_generation_ = 0;
    std::uint64_t briefs_version_ = 0;
};

}
