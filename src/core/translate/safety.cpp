#include "core/translate/safety.hpp"

#include "core/base/text.hpp"

#include <string>

namespace gw::translate {

namespace {

constexpr std::string_view category_prefix = "HARM_CATEGORY_";

constexpr std::string_view categories[] = {
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_CIVIC_INTEGRITY"
};

constexpr std::string_view thresholds[] = {
    "BLOCK_NONE",
    "BLOCK_ONLY_HIGH",
    "BLOCK_MEDIUM_AND_ABOVE",
    "BLOCK_LOW_AND_ABOVE",
    "OFF"
};

// Civic integrity is deprecated upstream: set by whoever names it, not by
// "off".
constexpr gemini::SafetySetting all_off[] = {
    {"HARM_CATEGORY_HARASSMENT", "OFF"},
    {"HARM_CATEGORY_HATE_SPEECH", "OFF"},
    {"HARM_CATEGORY_SEXUALLY_EXPLICIT", "OFF"},
    {"HARM_CATEGORY_DANGEROUS_CONTENT", "OFF"}
};

}

Result<gemini::SafetySetting> parse_safety(std::string_view text)
{
    std::size_t equals = text.find('=');
    std::string_view name = text.substr(0, equals);
    std::string_view level = equals == std::string_view::npos
        ? std::string_view() : text.substr(equals + 1);

    gemini::SafetySetting setting;

    for (std::string_view category : categories) {
        if (iequals(name, category)
            || iequals(name, category.substr(category_prefix.size())))
        {
            setting.category = category;
        }
    }

    for (std::string_view threshold : thresholds) {
        if (iequals(level, threshold)) {
            setting.threshold = threshold;
        }
    }

    Error error;
    error.kind = ErrorKind::bad_request;

    if (setting.category.empty()) {
        error.message = "unknown harm category \"" + std::string(name) + "\"";
        return error;
    }

    if (setting.threshold.empty()) {
        error.message = "unknown threshold \"" + std::string(level) + "\"";
        return error;
    }

    return setting;
}

const gemini::SafetySetting *safety_off(std::size_t &count)
{
    count = sizeof(all_off) / sizeof(all_off[0]);
    return all_off;
}

}
