// Which credentials of a pool may be used for a model, and their weights laid
// end to end. Belongs to one worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
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
    const Candidates &of(std::string_view model,
        const std::vector<Credential> &credentials);

private:
    /// Lists kept at most; more ways than that are a configuration nobody
    /// writes, and cost a rebuild each.
    static constexpr std::size_t max_lists = 64;

    std::vector<std::vector<std::string>> restrictions_;
    std::vector<std::uint32_t> restriction_of_;     // by place in all_
    Candidates all_;
    std::map<std::string, Candidates> lists_;
};

}
