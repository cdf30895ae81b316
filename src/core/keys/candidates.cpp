// Lists of candidates by model, and turns in proportion to weights.
#include "core/keys/candidates.hpp"

#include "core/base/text.hpp"
#include "core/keys/mix.hpp"
#include "core/keys/pool.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace gw::keys {

namespace {

/// Maps random bits to 0 … bound - 1 without the bias of a remainder's size
/// that matters here (bound is far below 2^32).
std::uint64_t scaled(std::uint64_t random, std::uint64_t bound)
{
    return (random >> 32) * bound >> 32;
}

bool allows(const std::vector<std::string> &globs, gemini::Api api,
    std::string_view model, gemini::Apis apis)
{
    return gemini::contains(apis, api)
        && (globs.empty() || model.empty()
            || std::any_of(globs.begin(), globs.end(),
                   [model](const std::string &glob) {
                       return glob_match(glob, model);
                   }));
}

}

Candidates::Candidates(std::vector<std::uint32_t> indices,
    const std::vector<Credential> &credentials)
    : indices_(std::move(indices))
{
    std::uint64_t end = 0;

    for (std::uint32_t index : indices_) {
        unsigned weight = credentials[index].weight;

        even_ = even_ && weight == credentials[indices_[0]].weight;
        end += weight;
        ends_.push_back(end);
    }

    if (even_) {
        ends_.clear();
        return;
    }

    // Steps of the golden section of the whole spread the turns of a heavy
    // one most evenly; without a common divisor they meet every point.
    stride_ = static_cast<std::uint64_t>(
        static_cast<double>(end) * 0.6180339887498949);
    stride_ = std::max<std::uint64_t>(stride_, 1);

    while (std::gcd(stride_, end) != 1) {
        ++stride_;
    }
}

std::size_t Candidates::owner_of(std::uint64_t point) const
{
    return static_cast<std::size_t>(
        std::upper_bound(ends_.begin(), ends_.end(), point)
        - ends_.begin());
}

std::size_t Candidates::by_turn(std::uint64_t turn) const
{
    return even_ ? static_cast<std::size_t>(turn % size())
                 : owner_of(turn % weight() * stride_ % weight());
}

std::size_t Candidates::by_chance(std::uint64_t random) const
{
    std::uint64_t point = scaled(random, weight());

    return even_ ? static_cast<std::size_t>(point) : owner_of(point);
}

CandidateIndex::CandidateIndex(const std::vector<Credential> &credentials)
{
    std::map<std::pair<std::vector<std::string>, gemini::Api>, std::uint32_t>
        known;

    std::vector<std::uint32_t> indices;

    for (std::uint32_t i = 0; i < credentials.size(); ++i) {
        const Credential &credential = credentials[i];

        if (!credential.usable()) {
            continue;
        }

        auto [place, fresh] = known.emplace(
            std::make_pair(credential.models, credential.api),
            static_cast<std::uint32_t>(restrictions_.size()));

        if (fresh) {
            restrictions_.push_back({ credential.models, credential.api });
            apis_ |= gemini::only(credential.api);
            restricted_ = restricted_ || !credential.models.empty();
        }

        indices.push_back(i);
        restriction_of_.push_back(place->second);
        projects_[credential.project_id].push_back(i);
    }

    all_ = Candidates(std::move(indices), credentials);
}

const Candidates &CandidateIndex::of(std::string_view model,
    gemini::Apis apis, const std::vector<Credential> &credentials)
{
    if ((!restricted_ || model.empty()) && (apis_ & ~apis) == 0) {
        return all_;
    }

    std::string allowed;
    allowed.reserve(restrictions_.size());

    for (const Restriction &restriction : restrictions_) {
        allowed += allows(restriction.models, restriction.api, model, apis)
            ? '1' : '0';
    }

    auto found = lists_.find(allowed);

    if (found != lists_.end()) {
        return found->second;
    }

    std::vector<std::uint32_t> indices;

    for (std::uint32_t i = 0; i < restriction_of_.size(); ++i) {
        if (allowed[restriction_of_[i]] == '1') {
            indices.push_back(static_cast<std::uint32_t>(all_[i]));
        }
    }

    if (lists_.size() == max_lists) {
        lists_.clear();
    }

    return lists_.emplace(std::move(allowed),
        Candidates(std::move(indices), credentials)).first->second;
}

const Candidates &CandidateIndex::of_project(std::uint64_t project,
    std::string_view model, gemini::Apis apis,
    const std::vector<Credential> &credentials)
{
    std::vector<std::uint32_t> indices;
    auto found = projects_.find(project);

    if (found != projects_.end()) {
        for (std::uint32_t index : found->second) {
            const Credential &credential = credentials[index];

            if (allows(credential.models, credential.api, model, apis)) {
                indices.push_back(index);
            }
        }
    }

    of_project_ = Candidates(std::move(indices), credentials);

    return of_project_;
}

}
