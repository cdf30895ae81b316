// An upstream error in words that a client may read.
#include "core/gemini/error_message.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <cstddef>

namespace gw::gemini {

namespace {

/// Quota messages name the project by its number, which is the operator's.
std::string without_projects(std::string text)
{
    constexpr std::string_view before[] = {
        "project_number:", "projects/", "project="
    };
    constexpr std::string_view digits = "0123456789";

    for (std::string_view name : before) {
        for (std::size_t at = text.find(name); at != std::string::npos;
             at = text.find(name, at))
        {
            at += name.size();
            std::size_t end = std::min(text.find_first_not_of(digits, at),
                text.size());

            if (end > at) {
                text.replace(at, end - at, "...");
            }
        }
    }

    return text;
}

/// The digits of the next "(123)" from `at` on, which moves behind them.
std::string_view number_in_brackets(std::string_view text, std::size_t &at)
{
    while ((at = text.find('(', at)) != std::string_view::npos) {
        std::size_t begin = ++at;
        at = std::min(text.find_first_not_of("0123456789", begin),
            text.size());

        if (at > begin && at < text.size() && text[at] == ')') {
            return text.substr(begin, at - begin);
        }
    }

    return {};
}

constexpr std::size_t max_foreign_text = 200;

}

std::string message_of(const UpstreamError &error, std::string_view secret)
{
    if (error.json) {
        std::string own = without_projects(scrub(error.message, secret));

        if (!own.empty()) {
            return own;
        }
    }

    std::string message = "The upstream answered "
                          + std::to_string(error.code);

    if (error.html) {
        message += " with an HTML page";
    }

    std::string text = scrub(error.message, secret, max_foreign_text);

    return text.empty() ? message + "." : message + ": " + text;
}

std::string context_message(const UpstreamError &error,
    std::string_view secret)
{
    std::size_t at = 0;
    std::string used(number_in_brackets(error.message, at));
    std::string most(at < error.message.size()
                     ? number_in_brackets(error.message, at)
                     : std::string_view());

    if (most.empty()) {
        return "The request exceeds the model's maximum context length: "
               + message_of(error, secret);
    }

    return "This model's maximum context length is " + most
           + " tokens. However, your messages resulted in " + used
           + " tokens. Please reduce the length of the messages.";
}

}
