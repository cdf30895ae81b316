// How a worker's list of credentials comes about: those configured, bound to
// their records, and what has changed at run time over it.
#include "core/keys/pool.hpp"

#include "core/base/text.hpp"
#include "core/keys/digest.hpp"
#include "core/keys/mix.hpp"
#include "core/keys/regions.hpp"
#include "core/keys/wipe.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace gw::keys {

namespace {

constexpr unsigned max_weight = 1000;

/// Requests under way with a removed key may still look at it for so long.
constexpr std::int64_t index_kept_ms = 3600 * 1000LL;

/// Apart from the ids of credentials, which come from SHA-256.
std::uint64_t project_hash(std::string_view project)
{
    std::uint64_t id = mix(hash64(project, 1));

    return id != 0 ? id : 1;
}

unsigned weight_within(unsigned weight)
{
    return std::clamp(weight, 1u, max_weight);
}

/// Whoever has a view of a text that stays the same keeps it.
void assign(std::string &text, const std::string &value)
{
    if (text != value) {
        text = value;
    }
}

void clear(KeyRecord &record)
{
    for (Word KeyRecord::*word : { &KeyRecord::id, &KeyRecord::rest,
                                   &KeyRecord::last_ticket,
                                   &KeyRecord::last_used_ms,
                                   &KeyRecord::requests, &KeyRecord::failures,
                                   &KeyRecord::in_flight,
                                   &KeyRecord::rest_when_ms })
    {
        (record.*word).store(0);
    }
}

}

std::uint64_t credential_id(std::string_view secret)
{
    Digest digest = digest_of(secret);
    std::uint64_t id = 0;

    for (std::size_t i = 0; i < sizeof(id); ++i) {
        id = id << 8 | digest[i];
    }

    return id != 0 ? id : 1;
}

Pool::Pool(std::vector<Credential> credentials, PoolOptions options)
    : options_(std::move(options))
{
    for (Credential &credential : credentials) {
        credential.id = credential_id(credential.secret);

        auto index = static_cast<std::uint32_t>(credentials_.size());

        if (!by_id_.emplace(credential.id, index).second) {
            continue;
        }

        credential.project_id = credential.project.empty()
            ? credential.id : project_hash(credential.project);
        credential.weight = weight_within(credential.weight);

        if (credential.name.empty()) {
            credential.name = mask(credential.secret);
        }

        configured_.push_back({ credential.name, credential.weight });
        credentials_.push_back(std::move(credential));
    }

    removed_at_ms_.resize(credentials_.size());
    candidates_ = CandidateIndex(credentials_);
}

bool Pool::is_configured(std::uint64_t id) const
{
    auto known = by_id_.find(id);

    return known != by_id_.end() && known->second < configured_.size();
}

bool Pool::adopt(void *memory)
{
    Regions regions = regions_of(memory);
    std::uint32_t capacity = regions.header->key_capacity;

    if (configured_.size() > capacity) {
        return false;
    }

    header_ = regions.header;
    keys_ = regions.keys;
    limits_ = regions.limits;
    cells_ = CellTable(regions.cells, header_->cell_capacity);
    models_ = ModelTable(regions.models, header_->model_capacity);
    uses_ = UseTable(regions.uses, regions.dirty_uses,
        header_->use_capacity);
    added_ = AddedTable(regions.added, header_->added_capacity);
    resources_ = ResourceTable(regions.resources,
        header_->resource_capacity);
    journal_ = Journal(&header_->journal_next, regions.journal,
        header_->journal_capacity);
    trails_ = TrailRing(&header_->trail_next, regions.trails,
        header_->trail_capacity);
    metrics_ = MetricTable(regions.series, regions.histograms,
        header_->metric_capacity);
    tokens_ = TokenTable(&header_->tokens_stored, regions.tokens,
        header_->token_capacity);

    if (!bind_tokens()) {
        return false;
    }

    // Those added at run time come after the configured ones, as far as there
    // is room.
    std::vector<std::uint64_t> wanted;

    for (std::size_t i = 0; i < configured_.size(); ++i) {
        wanted.push_back(credentials_[i].id);
    }

    for (KeyChange &change : key_changes()) {
        wipe(change.secret);

        if (change.added && !change.removed && !is_configured(change.id)
            && wanted.size() < capacity)
        {
            wanted.push_back(change.id);
        }
    }

    std::uint64_t generation = header_->generation.fetch_add(1) + 1;
    std::unordered_map<std::uint64_t, std::uint32_t> slots;

    for (std::uint32_t slot = 0; slot < capacity; ++slot) {
        if (std::uint64_t id = keys_[slot].id.load()) {
            slots.emplace(id, slot);
        }
    }

    std::vector<std::uint64_t> strangers;

    for (std::uint64_t id : wanted) {
        auto slot = slots.find(id);

        if (slot != slots.end()) {
            keys_[slot->second].present.store(generation);
        } else {
            strangers.push_back(id);
        }
    }

    std::vector<std::uint32_t> places;

    for (std::uint32_t slot = 0; slot < capacity && !strangers.empty();
         ++slot)
    {
        if (keys_[slot].present.load() != generation) {
            places.push_back(slot);
        }
    }

    // Free slots, then those no configuration has named for longest.
    std::stable_sort(places.begin(), places.end(),
        [this](std::uint32_t a, std::uint32_t b) {
            bool taken_a = keys_[a].id.load() != 0;
            bool taken_b = keys_[b].id.load() != 0;

            return taken_a != taken_b ? taken_b
                : keys_[a].present.load() < keys_[b].present.load();
        });

    for (std::size_t i = 0; i < strangers.size(); ++i) {
        give_slot(places[i], strangers[i]);
        slots[strangers[i]] = places[i];
    }

    for (std::size_t i = 0; i < configured_.size(); ++i) {
        credentials_[i].slot = slots[credentials_[i].id];
    }

    // So that nothing moves while keys are added, but for very many.
    credentials_.reserve(configured_.size() + added_.capacity());
    take_changes(0);

    return true;
}

bool Pool::bind_tokens()
{
    std::vector<std::uint64_t> ids;
    std::vector<std::size_t> places;

    for (std::size_t i = 0; i < configured_.size(); ++i) {
        std::uint64_t id = credentials_[i].token_id;

        if (credentials_[i].account
            && std::find(ids.begin(), ids.end(), id) == ids.end())
        {
            ids.push_back(id);
        }
    }

    if (ids.size() > max_accounts || !tokens_.bind(ids, places)) {
        return false;
    }

    for (std::size_t i = 0; i < configured_.size(); ++i) {
        Credential &credential = credentials_[i];

        if (credential.account) {
            auto at = std::find(ids.begin(), ids.end(), credential.token_id);
            credential.token_place = static_cast<std::uint32_t>(
                places[static_cast<std::size_t>(at - ids.begin())]);
        }
    }

    return true;
}

void Pool::give_slot(std::uint32_t slot, std::uint64_t id)
{
    KeyRecord &record = keys_[slot];
    bool taken = record.id.load() != 0;

    // The id goes first and comes last: whoever still uses the slot for its
    // former owner sees that it no longer is his.
    clear(record);

    if (taken) {
        metrics_.forget_credential(slot);
    }

    record.present.store(header_->generation.load());
    record.id.store(id);
}

bool Pool::take_slot(std::uint64_t id)
{
    std::uint64_t generation = header_->generation.load();
    std::uint32_t best = 0;
    std::uint64_t best_rank = generation;
    bool found = false;

    for (std::uint32_t slot = 0; slot < header_->key_capacity; ++slot) {
        KeyRecord &record = keys_[slot];
        std::uint64_t holder = record.id.load();

        if (holder == id) {
            record.present.store(generation);
            return true;
        }

        std::uint64_t present = record.present.load();

        // A free one, else one that no configuration has named for longest.
        std::uint64_t rank = holder != 0 ? present + 1 : 0;

        if ((holder == 0 || present < generation)
            && (!found || rank < best_rank))
        {
            best = slot;
            best_rank = rank;
            found = true;
        }
    }

    if (found) {
        give_slot(best, id);
    }

    return found;
}

void Pool::leave_slot(std::uint64_t id)
{
    if (KeyRecord *record = record_with(id)) {
        record->present.store(0);
    }
}

void Pool::refresh(std::int64_t now_ms)
{
    if (header_->keys_version.load(std::memory_order_acquire)
        != seen_version_)
    {
        take_changes(now_ms);
    }
}

void Pool::take_changes(std::int64_t now_ms)
{
    // Before the table: what changes while it is read is taken next time.
    std::uint64_t version = header_->keys_version.load(
        std::memory_order_acquire);
    std::vector<KeyChange> changes = key_changes();
    std::unordered_map<std::uint64_t, std::uint32_t> slots;
    std::unordered_set<std::uint64_t> live;

    for (std::uint32_t slot = 0; slot < header_->key_capacity; ++slot) {
        if (std::uint64_t id = keys_[slot].id.load()) {
            slots.emplace(id, slot);
        }
    }

    for (const KeyChange &change : changes) {
        if (change.added && !change.removed && !is_configured(change.id)
            && slots.count(change.id) != 0)
        {
            live.insert(change.id);
        }
    }

    for (std::size_t i = configured_.size(); i < credentials_.size(); ++i) {
        if (!credentials_[i].removed && live.count(credentials_[i].id) == 0) {
            credentials_[i].removed = true;
            removed_at_ms_[i] = now_ms;
        }
    }

    const KeyChange nothing;
    std::vector<const KeyChange *> overrides(configured_.size(), &nothing);

    for (const KeyChange &change : changes) {

        if (is_configured(change.id)) {
            overrides[by_id_[change.id]] = &change;
        } else if (live.count(change.id) != 0) {
            take_added(change, slots[change.id], now_ms);
        }
    }

    for (std::uint32_t i = 0; i < configured_.size(); ++i) {
        take_override(i, *overrides[i]);
    }

    for (KeyChange &change : changes) {
        wipe(change.secret);
    }

    in_slot_.assign(header_->key_capacity, 0);

    for (std::uint32_t i = 0; i < credentials_.size(); ++i) {
        if (!credentials_[i].removed) {
            in_slot_[credentials_[i].slot] = i + 1;
        }
    }

    candidates_ = CandidateIndex(credentials_);
    seen_version_ = version;
}

void Pool::take_override(std::uint32_t index, const KeyChange &change)
{
    Credential &credential = credentials_[index];
    const Configured &configured = configured_[index];

    credential.enabled = change.enabled;

    // Added first and configured later: the configuration names it.
    bool renamed = !change.added && change.name && !change.name->empty();
    bool weighted = !change.added && change.weight;

    assign(credential.name, renamed ? *change.name : configured.name);
    credential.weight = weighted ? weight_within(*change.weight)
                                 : configured.weight;
}

void Pool::take_added(const KeyChange &change, std::uint32_t slot,
    std::int64_t now_ms)
{
    std::uint32_t index = place_for(change.id, now_ms);
    Credential &credential = credentials_[index];

    credential.id = change.id;
    credential.slot = slot;
    credential.added = true;
    credential.removed = false;
    credential.enabled = change.enabled;
    credential.weight = weight_within(change.weight.value_or(1));
    credential.project_id = change.project.empty()
        ? change.id : project_hash(change.project);
    assign(credential.project, change.project);
    assign(credential.secret, change.secret);
    assign(credential.name, change.name && !change.name->empty()
        ? *change.name : mask(change.secret));
}

std::uint32_t Pool::place_for(std::uint64_t id, std::int64_t now_ms)
{
    auto known = by_id_.find(id);

    if (known != by_id_.end()) {
        return known->second;
    }

    for (std::size_t i = configured_.size(); i < credentials_.size(); ++i) {
        Credential &credential = credentials_[i];

        if (credential.removed && now_ms - removed_at_ms_[i] > index_kept_ms)
        {
            by_id_.emplace(id, static_cast<std::uint32_t>(i));
            by_id_.erase(credential.id);
            wipe(credential.secret);
            credential = Credential{};

            return static_cast<std::uint32_t>(i);
        }
    }

    auto index = static_cast<std::uint32_t>(credentials_.size());

    removed_at_ms_.resize(credentials_.size() + 1);
    credentials_.emplace_back().removed = true;
    by_id_.emplace(id, index);

    return index;
}

std::size_t Pool::credential_in(std::uint32_t slot) const
{
    if (slot >= in_slot_.size() || in_slot_[slot] == 0) {
        return Choice::nobody;
    }

    std::size_t index = in_slot_[slot] - 1;

    return record_of(credentials_[index]) != nullptr ? index
                                                     : Choice::nobody;
}

}
