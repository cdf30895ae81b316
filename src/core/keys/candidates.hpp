// Which credentials of a pool may be used for a model, and their weights laid
// end to end. Belongs to one worker.
#pragma once

#include "core/gemini/api.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gw::keys {

struct Credential;

/// In configured order.
class Candidates {
public:
    Candidates() = default;
    Candidates(std::vector<std::uint32_t> indices,
        const std::vector<Credential> &credentials);

    std::size_t size() const { return indices_.size(); }
    std::size_t operator[](std::size_t i) const { return indices_[i]; }

    /// All weights are the same.
    bool even() const { return even_; }

    /// Whose turn it is: of any weight() turns in a row each candidate has as
    /// many as its weight, spread evenly. With even weights, in order.
    std::size_t by_turn(std::uint64_t turn) const;

    /// Each with a probability as its weight.
    std::size_t by_chance(std::uint64_t random) const;

    std::uint64_t weight() const { return even_ ? size() : ends_.back(); }

private:
    std::size_t owner_of(std::uint64_t point) const;

    std::vector<std::uint32_t> indices_;
    std::vector<std::uint64_t> ends_;       // cumulative weights
    std::uint64_t stride_ = 1;
    bool even_ = true;
};

/// Models come from clients in any number, the ways in which credentials are
/// restricted from the configuration: lists are kept per way, not per model.
/// Credentials that are switched off or removed are in none.
class CandidateIndex {
public:
    CandidateIndex() = default;
    explicit CandidateIndex(const std::vector<Credential> &credentials);

    /// The reference lives until the next call. An empty model: all.
    const Candidates &of(std::string_view model, gemini::Apis apis,
        const std::vector<Credential> &credentials);

    /// Those of them of one project: as many as that has are looked at.
    const Candidates &of_project(std::uint64_t project,
        std::string_view model, gemini::Apis apis,
        const std::vector<Credential> &credentials);

private:
    /// Lists kept at most; more ways than that are a configuration nobody
    /// writes, and cost a rebuild each.
    static constexpr std::size_t max_lists = 64;

    struct Restriction {
        std::vector<std::string> models;        // globs; empty: all
        gemini::Api api;
    };

    std::vector<Restriction> restrictions_;
    std::vector<std::uint32_t> restriction_of_;     // by place in all_
    gemini::Apis apis_ = 0;                         // of all_
    bool restricted_ = false;                       // to some models
    Candidates all_;
    std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> projects_;
    Candidates of_project_;
    std::map<std::string, Candidates> lists_;
};

}
