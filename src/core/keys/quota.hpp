// What the operator knows of the quotas: `limit` lines and files of limits.
#pragma once

#include "core/base/result.hpp"
#include "core/gemini/error.hpp"
#include "core/keys/use.hpp"
#include "core/keys/window.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gw::keys {

/// Limits by model. A model's own name comes before any glob, globs in the
/// order they were given; each quantity for itself, so that one line may give
/// the rpm of all models and another the rpd of one.
class QuotaRules {
public:
    void add(std::string_view glob, const Limits &limits);

    Limits of(std::string_view model) const;

    bool empty() const { return exact_.empty() && globs_.empty(); }

private:
    std::unordered_map<std::string, Limits> exact_;
    std::vector<std::pair<std::string, Limits>> globs_;
};

/// Reads a file of limits into rules:
///   {"gemini-2.5-pro": {"rpm": 5, "rpd": 100, "tpm": 250000, "tpd": null}}
/// Names may be globs. null, or a missing member: not known. "tpm_input" and
/// "tpd_input" are read as tpm and tpd; other members are ignored. Errors name
/// the place; nothing is added then. Source: interface.md, seeds.md 001.8.
Result<void> read_limits(std::string_view text, QuotaRules &rules);

/// What a violation teaches: which quantity, and its limit. nullopt: nothing
/// (no value, a value of 0, a quota that is not of the model).
struct Lesson {
    Quantity quantity;
    std::int64_t value;
};

std::optional<Lesson> lesson_of(const gemini::QuotaViolation &violation);

std::string_view name_of(Quantity quantity);        // "rpm"
std::optional<Quantity> quantity_of(std::string_view name);

}
