// The pool's credentials, their records in shared memory, and what a try's
// outcome does to them. How one is chosen: choose.cpp.
#include "core/keys/pool.hpp"

#include "core/base/text.hpp"
#include "core/keys/clients.hpp"
#include "core/keys/mix.hpp"
#include "core/keys/regions.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace gw::keys {

namespace {

constexpr unsigned max_weight = 1000;

/// Apart from the ids of credentials, which come from SHA-256.
std::uint64_t project_hash(std::string_view project)
{
    std::uint64_t id = mix(hash64(project, 1));

    return id != 0 ? id : 1;
}

/// The doubling starts over; the rest itself stays.
void end_repeats(Word &word)
{
    std::uint64_t seen = word.load();

    for ( ;; ) {
        Rest rest = unpack(seen);

        if (rest.repeats == 0 && !rest.perhaps_daily) {
            return;
        }

        rest.repeats = 0;
        rest.perhaps_daily = false;

        if (word.compare_exchange_weak(seen, pack(rest))) {
            return;
        }
    }
}

void clear(KeyRecord &record)
{
    for (Word KeyRecord::*word : { &KeyRecord::id, &KeyRecord::rest,
                                   &KeyRecord::last_ticket,
                                   &KeyRecord::last_used_ms,
                                   &KeyRecord::requests, &KeyRecord::failures,
                                   &KeyRecord::in_flight })
    {
        (record.*word).store(0);
    }
}

constexpr int epoch_shift = 32;

std::uint64_t tries_under_way(std::uint64_t word, std::uint64_t epoch)
{
    return word >> epoch_shift == (epoch & 0xffffffff) ? word & 0xffffffff
                                                       : 0;
}

/// Never below zero: a try may have begun in another epoch, or before the slot
/// was given away and back.
void count_try(Word &word, std::uint64_t epoch, int change)
{
    std::uint64_t seen = word.load(std::memory_order_relaxed);
    std::uint64_t next;

    do {
        std::uint64_t count = tries_under_way(seen, epoch);

        if (change > 0) {
            ++count;
        } else if (count > 0) {
            --count;
        }

        next = epoch << epoch_shift | count;

    } while (!word.compare_exchange_weak(seen, next,
        std::memory_order_relaxed));
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
    : options_(options)
{
    std::unordered_set<std::uint64_t> known;

    for (Credential &credential : credentials) {
        credential.id = credential_id(credential.secret);

        if (!known.insert(credential.id).second) {
            continue;
        }

        credential.project_id = credential.project.empty()
            ? credential.id : project_hash(credential.project);
        credential.weight = std::clamp(credential.weight, 1u, max_weight);

        if (credential.name.empty()) {
            credential.name = mask(credential.secret);
        }

        credentials_.push_back(std::move(credential));
    }

    candidates_ = CandidateIndex(credentials_);
}

bool Pool::adopt(void *memory)
{
    Regions regions = regions_of(memory);
    std::uint32_t capacity = regions.header->key_capacity;

    if (credentials_.size() > capacity) {
        return false;
    }

    header_ = regions.header;
    keys_ = regions.keys;
    limits_ = regions.limits;
    cells_ = CellTable(regions.cells, regions.header->cell_capacity);
    models_ = ModelTable(regions.models, regions.header->model_capacity);

    std::uint64_t generation = header_->generation.fetch_add(1) + 1;
    std::unordered_map<std::uint64_t, std::uint32_t> slots;

    for (std::uint32_t slot = 0; slot < capacity; ++slot) {
        std::uint64_t id = keys_[slot].id.load();

        if (id != 0) {
            slots.emplace(id, slot);
        }
    }

    std::vector<Credential *> strangers;

    for (Credential &credential : credentials_) {
        auto slot = slots.find(credential.id);

        if (slot == slots.end()) {
            strangers.push_back(&credential);
            continue;
        }

        credential.slot = slot->second;
        keys_[credential.slot].present.store(generation);
    }

    if (strangers.empty()) {
        return true;
    }

    std::vector<std::uint32_t> places;

    for (std::uint32_t slot = 0; slot < capacity; ++slot) {
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
        KeyRecord &record = keys_[places[i]];

        // The id goes first and comes last: whoever still uses the slot for
        // its former owner sees that it no longer is his.
        clear(record);
        record.present.store(generation);
        record.id.store(strangers[i]->id);
        strangers[i]->slot = places[i];
    }

    return true;
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
    count_try(record->in_flight, header_->epoch.load(), 1);
    record->last_used_ms.store(static_cast<std::uint64_t>(now_ms),
        std::memory_order_relaxed);
}

void Pool::end_try(std::size_t credential)
{
    KeyRecord *record = record_of(credentials_[credential]);

    if (record == nullptr) {
        return;
    }

    count_try(record->in_flight, header_->epoch.load(), -1);
}

void Pool::forget_tries()
{
    header_->epoch.fetch_add(1);
}

void Pool::succeeded(std::size_t credential, std::string_view model,
    std::int64_t)
{
    const Credential &key = credentials_[credential];
    std::uint64_t model_hash = hash64(model);

    if (KeyRecord *record = record_of(key)) {
        end_repeats(record->rest);
    }

    if (Cell *cell = cells_.find(CellTable::id_of(key.id, model_hash))) {
        end_repeats(cell->rest);
    }

    if (key.project_id == key.id) {
        return;
    }

    if (Cell *cell = cells_.find(
            CellTable::id_of(key.project_id, model_hash)))
    {
        end_repeats(cell->rest);
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
        cell->owner.store(owner);
        cell->model.store(models_.remember(model));

        Change done = change(cell->rest, verdict, now_ms);

        if (cell->id.load() == id) {
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
            return change(record->rest, verdict, now_ms).consequence;
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

std::vector<Pool::View> Pool::view(std::int64_t now_ms) const
{
    std::vector<View> views;
    std::unordered_multimap<std::uint64_t, std::size_t> by_owner;

    for (const Credential &credential : credentials_) {
        View one{};
        one.credential = &credential;

        if (const KeyRecord *record = record_of(credential)) {
            Rest rest = unpack(record->rest.load());

            if (rest.active(now_ms)) {
                one.rest = rest;
            }

            one.requests = record->requests.load();
            one.failures = record->failures.load();
            one.in_flight = tries_under_way(record->in_flight.load(),
                header_->epoch.load());
            one.last_used_ms = static_cast<std::int64_t>(
                record->last_used_ms.load());
        }

        by_owner.emplace(credential.id, views.size());

        if (credential.project_id != credential.id) {
            by_owner.emplace(credential.project_id, views.size());
        }

        views.push_back(std::move(one));
    }

    for (const Cell &cell : cells_) {
        Rest rest = unpack(cell.rest.load());

        if (cell.id.load() == 0 || !rest.active(now_ms)) {
            continue;
        }

        auto [begin, end] = by_owner.equal_range(cell.owner.load());

        for (auto i = begin; i != end; ++i) {
            views[i->second].models.push_back(
                { models_.name_at(cell.model.load()), rest });
        }
    }

    for (View &one : views) {
        std::stable_sort(one.models.begin(), one.models.end(),
            [](const ModelRest &a, const ModelRest &b) {
                return a.model < b.model;
            });
    }

    return views;
}

std::size_t Pool::usable(std::int64_t now_ms) const
{
    return static_cast<std::size_t>(
        std::count_if(credentials_.begin(), credentials_.end(),
            [this, now_ms](const Credential &credential) {
                const KeyRecord *record = record_of(credential);

                return record == nullptr
                    || !unpack(record->rest.load()).active(now_ms);
            }));
}

}
