// Efforts, levels and budgets are three spellings of one scale. A request is
// first brought to one of them and then put as the family wants it.
#include "core/translate/thinking.hpp"

#include "core/base/text.hpp"

#include <optional>
#include <string>

namespace gw::translate {

namespace {

using gemini::Family;
using gemini::ThinkingControl;

enum class Effort : std::uint8_t { none, minimal, low, medium, high, most };

struct EffortName {
    std::string_view name;
    Effort effort;
};

constexpr EffortName effort_names[] = {
    {"none", Effort::none},
    {"minimal", Effort::minimal},
    {"low", Effort::low},
    {"medium", Effort::medium},
    {"high", Effort::high},
    {"xhigh", Effort::most},
    {"max", Effort::most}
};

struct LevelName {
    gemini::ThinkingLevel level;
    std::string_view name;
};

// In order, weakest first, as the bits are.
constexpr LevelName level_names[] = {
    {gemini::level_minimal, "MINIMAL"},
    {gemini::level_low, "LOW"},
    {gemini::level_medium, "MEDIUM"},
    {gemini::level_high, "HIGH"}
};

// Google's own: what its OpenAI-compatible endpoint makes of an effort.
constexpr std::int64_t budget_low = 1024;
constexpr std::int64_t budget_medium = 8192;
constexpr std::int64_t budget_high = 24576;

constexpr std::int64_t dynamic_budget = -1;

/// One of the two, or neither.
struct Wish {
    std::optional<Effort> effort;
    std::optional<std::int64_t> budget;

    bool present() const { return effort || budget; }
};

std::int64_t budget_of(Effort effort, const Family &family)
{
    switch (effort) {

    case Effort::none:
        return 0;

    case Effort::minimal:
    case Effort::low:
        return budget_low;

    case Effort::medium:
        return budget_medium;

    case Effort::high:
        return budget_high;

    case Effort::most:
        break;
    }

    return family.budget_max;
}

std::int64_t clamp_budget(std::int64_t budget, const Family &family)
{
    if (budget < 0) {
        return dynamic_budget;
    }

    if (budget == 0 && family.budget_zero) {
        return 0;
    }

    if (budget < family.budget_min) {
        return family.budget_min;
    }

    return budget > family.budget_max ? family.budget_max : budget;
}

Effort effort_of(std::int64_t budget)
{
    if (budget == 0) {
        return Effort::none;
    }

    if (budget <= budget_low) {
        return Effort::low;
    }

    return budget <= budget_medium ? Effort::medium : Effort::high;
}

/// The level itself, or the nearest accepted one above it, or else below.
/// "none" is the weakest there is.
std::string_view level_of(Effort effort, const Family &family)
{
    gemini::ThinkingLevel wanted = gemini::level_minimal;

    switch (effort) {

    case Effort::none:
    case Effort::minimal:
        break;

    case Effort::low:
        wanted = gemini::level_low;
        break;

    case Effort::medium:
        wanted = gemini::level_medium;
        break;

    case Effort::high:
    case Effort::most:
        wanted = gemini::level_high;
        break;
    }

    std::string_view below;

    for (const LevelName &known : level_names) {
        if ((family.levels & known.level) == 0) {
            continue;
        }

        if (known.level >= wanted) {
            return known.name;
        }

        below = known.name;
    }

    return below;
}

Error unknown(std::string_view param)
{
    std::string message = "Invalid '";
    message += param;
    message += "': supported values are 'none', 'minimal', 'low', 'medium', "
               "'high', 'xhigh' and 'max'.";

    return Error{ErrorKind::bad_request, std::move(message),
        std::string(param), "invalid_value", 0};
}

Result<Effort> read_effort(const json::String &text, std::string_view param,
    Arena &arena)
{
    std::string_view given = text.decode(arena);

    for (const EffortName &known : effort_names) {
        if (iequals(known.name, given)) {
            return known.effort;
        }
    }

    return unknown(param);
}

/// The first of the client's ways that says anything.
Result<Wish> read_wish(const openai::ChatRequest &request, Arena &arena)
{
    struct Word {
        const json::String &text;
        std::string_view param;
    };

    const openai::ThinkingConfig &config = request.google.thinking_config;
    const Word words[] = {
        {config.level, "google.thinking_config.thinking_level"},
        {request.reasoning_effort, "reasoning_effort"},
        {request.reasoning.effort, "reasoning.effort"}
    };

    Wish wish;

    // An unknown word is an error wherever it stands.
    for (const Word &word : words) {
        if (word.text.empty()) {
            continue;
        }

        auto effort = read_effort(word.text, word.param, arena);

        if (!effort) {
            return effort.error();
        }

        if (!wish.effort) {
            wish.effort = effort.value();
        }
    }

    if (config.budget) {
        // Both at once are an error upstream; a level was asked for by name.
        if (config.level.empty()) {
            wish = Wish{};
            wish.budget = config.budget;
        }

        return wish;
    }

    if (wish.present()) {
        return wish;
    }

    if (request.reasoning.max_tokens) {
        wish.budget = request.reasoning.max_tokens;

    } else if (!request.reasoning.enabled.value_or(true)
               || request.thinking.type.is("disabled"))
    {
        wish.effort = Effort::none;

    } else if (request.thinking.budget_tokens) {
        wish.budget = request.thinking.budget_tokens;
    }

    return wish;
}

}

Result<void> set_thinking(const openai::ChatRequest &request,
    const Family &family, Arena &arena, gemini::ThinkingConfig &out)
{
    auto wish = read_wish(request, arena);

    if (!wish) {
        return wish.error();
    }

    if (family.thinking == ThinkingControl::none) {
        return {};
    }

    out.include_thoughts = request.google.thinking_config.include_thoughts;

    // OpenAI's own clients do not expect thoughts; OpenRouter's say so.
    if (!out.include_thoughts && request.reasoning.exclude
        && !*request.reasoning.exclude)
    {
        out.include_thoughts = true;
    }

    if (!wish->present()) {
        return {};
    }

    if (family.thinking == ThinkingControl::budget) {
        out.budget = clamp_budget(wish->effort
                ? budget_of(*wish->effort, family) : *wish->budget, family);
        return {};
    }

    // A dynamic budget is what a level family does without being told.
    if (wish->effort || *wish->budget >= 0) {
        out.level = level_of(wish->effort
                ? *wish->effort : effort_of(*wish->budget), family);
    }

    return {};
}

}
