// Limits as an operator writes them down, and as a 429 names them.
#include "core/keys/quota.hpp"

#include "core/base/text.hpp"

#include <initializer_list>

namespace gw::keys {

namespace {

struct Row {
    Quantity quantity;
    std::string_view name;
    std::int64_t Limits::*limit;
};

// In the order of Quantity.
constexpr Row rows[] = {
    {Quantity::rpm, "rpm", &Limits::rpm},
    {Quantity::rpd, "rpd", &Limits::rpd},
    {Quantity::tpm, "tpm", &Limits::tpm},
    {Quantity::tpd, "tpd", &Limits::tpd}
};

static_assert(sizeof(rows) / sizeof(rows[0]) == quantities);

constexpr std::int64_t most_limit = (std::int64_t{1} << 36) - 1;

/// Of each quantity what `limits` knows, where `known` does not.
void complete(Limits &known, const Limits &limits)
{
    for (const Row &row : rows) {
        if (known.*row.limit == 0) {
            known.*row.limit = limits.*row.limit;
        }
    }
}

bool is_glob(std::string_view name)
{
    return name.find_first_of("*?") != std::string_view::npos;
}

bool contains_one_of(std::string_view text,
    std::initializer_list<std::string_view> parts)
{
    for (std::string_view part : parts) {
        if (text.find(part) != std::string_view::npos) {
            return true;
        }
    }

    return false;
}

/// Features have counters of their own, as has output; what is counted here
/// is requests to the model and their input. reference/quotas.md section 1.
bool is_of_others(std::string_view id, std::string_view metric)
{
    return contains_one_of(id,
               {"Grounding", "Search", "CachedContent", "OutputTokens"})
        || contains_one_of(metric,
               {"grounding", "search", "cached_content", "output_token"});
}

}

void QuotaRules::add(std::string_view glob, const Limits &limits)
{
    if (is_glob(glob)) {
        globs_.emplace_back(glob, limits);
        return;
    }

    complete(exact_[std::string(glob)], limits);
}

Limits QuotaRules::of(std::string_view model) const
{
    Limits limits;

    if (!exact_.empty()) {
        auto found = exact_.find(std::string(model));

        if (found != exact_.end()) {
            limits = found->second;
        }
    }

    for (const auto &[glob, more] : globs_) {
        if (glob_match(glob, model)) {
            complete(limits, more);
        }
    }

    return limits;
}

std::optional<Lesson> lesson_of(const gemini::QuotaViolation &violation)
{
    std::string_view id = violation.quota_id;
    std::string_view metric = violation.metric;

    if (!violation.value || *violation.value < 1
        || *violation.value > most_limit || is_of_others(id, metric))
    {
        return std::nullopt;
    }

    // The id says it; a violation read from the prose has only the metric.
    bool day = contains_one_of(id, {"PerDay"})
        || contains_one_of(metric, {"per_day"});
    bool minute = contains_one_of(id, {"PerMinute"})
        || contains_one_of(metric, {"per_minute"});
    bool tokens = contains_one_of(id, {"Tokens"})
        || contains_one_of(metric, {"token_count"});
    bool requests = contains_one_of(id, {"Requests"})
        || contains_one_of(metric, {"requests"});

    if (day == minute || (!tokens && !requests)) {
        return std::nullopt;
    }

    Lesson lesson{};
    lesson.value = *violation.value;
    lesson.quantity = tokens ? (day ? Quantity::tpd : Quantity::tpm)
                             : (day ? Quantity::rpd : Quantity::rpm);

    return lesson;
}

std::string_view name_of(Quantity quantity)
{
    return rows[static_cast<std::size_t>(quantity)].name;
}

std::optional<Quantity> quantity_of(std::string_view name)
{
    for (const Row &row : rows) {
        if (row.name == name) {
            return row.quantity;
        }
    }

    return std::nullopt;
}

}
