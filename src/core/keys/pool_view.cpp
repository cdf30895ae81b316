// The pool's state for people: what rests, and what is used of which quota.
#include "core/keys/pool.hpp"

#include "core/keys/under_way.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace gw::keys {

namespace {

std::int64_t learned_of(const UseRecord &record, Quantity quantity,
    std::int64_t now_ms)
{
    Learned learned = unpack_learned(
        record.learned[static_cast<std::size_t>(quantity)].load());

    return now_ms - learned.since_ms < Learned::holds_ms ? learned.value : 0;
}

Pool::ModelUse use_in(const UseRecord &record, const Limits &configured,
    std::int64_t now_ms)
{
    Pool::ModelUse use{};
    use.rpm = record.requests_minute.sum(now_ms);
    use.rpd = record.requests_day.sum(now_ms);
    use.tpm = record.tokens_minute.sum(now_ms);
    use.tpd = record.tokens_day.sum(now_ms);
    use.limits = known_limits(&record, configured, now_ms);
    use.learned.rpm = learned_of(record, Quantity::rpm, now_ms);
    use.learned.rpd = learned_of(record, Quantity::rpd, now_ms);
    use.learned.tpm = learned_of(record, Quantity::tpm, now_ms);
    use.learned.tpd = learned_of(record, Quantity::tpd, now_ms);

    return use;
}

}

std::vector<Pool::View> Pool::view(std::int64_t now_ms) const
{
    std::vector<View> views;
    std::unordered_multimap<std::uint64_t, std::size_t> by_owner;
    std::unordered_map<std::string, Limits> configured;

    for (std::size_t i = 0; i < credentials_.size(); ++i) {
        const Credential &credential = credentials_[i];

        if (credential.removed) {
            continue;
        }

        View one{};
        one.index = i;
        one.credential = &credential;

        if (const KeyRecord *record = record_of(credential)) {
            Rest rest = unpack(record->rest.load());

            if (rest.active(now_ms)) {
                one.rest = rest;
            }

            one.requests = record->requests.load();
            one.failures = record->failures.load();
            one.in_flight = under_way(record->in_flight,
                header_->epoch.load());
            one.last_used_ms = static_cast<std::int64_t>(
                record->last_used_ms.load());
        }

        one.token = token_state_of(i);
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

    for (const UseRecord &record : uses_) {
        auto [begin, end] = by_owner.equal_range(record.owner.load());

        if (begin == end || record.id.load() == 0) {
            continue;
        }

        std::string model = models_.name_at(record.model.load());
        auto [limits, fresh] = configured.emplace(model, Limits{});

        if (fresh) {
            limits->second = options_.quotas.of(model);
        }

        ModelUse use = use_in(record, limits->second, now_ms);

        if (use.rpm == 0 && use.rpd == 0 && use.tpm == 0 && use.tpd == 0
            && !use.learned.any())
        {
            continue;
        }

        use.model = std::move(model);

        for (auto i = begin; i != end; ++i) {
            views[i->second].uses.push_back(use);
        }
    }

    for (View &one : views) {
        std::stable_sort(one.models.begin(), one.models.end(),
            [](const ModelRest &a, const ModelRest &b) {
                return a.model < b.model;
            });
        std::stable_sort(one.uses.begin(), one.uses.end(),
            [](const ModelUse &a, const ModelUse &b) {
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

                return credential.usable() && can_go_out(credential, now_ms)
                    && (record == nullptr
                        || !unpack(record->rest.load()).active(now_ms));
            }));
}

}
