// Names and scopes of the failure classes, and the names of Google's request
// fields in OpenAI's terms.
#include "core/gemini/error.hpp"

#include <cstddef>

namespace gw::gemini {

namespace {

struct ClassRow {
    FailureClass failure;
    std::string_view name;
    Scope scope;
};

// In the order of FailureClass. Scopes: interface.md, "rests".
constexpr ClassRow classes[failure_classes] = {
    {FailureClass::none, "none", Scope::none},
    {FailureClass::invalid, "invalid", Scope::key},
    {FailureClass::rate_limit, "rate_limit", Scope::project_model},
    {FailureClass::daily_quota, "daily_quota", Scope::project_model},
    {FailureClass::no_access, "no_access", Scope::key_model},
    {FailureClass::unavailable, "unavailable", Scope::key_model},
    {FailureClass::gateway, "gateway", Scope::key_model},
    {FailureClass::server_error, "server_error", Scope::key_model}
};

constexpr bool classes_in_order()
{
    for (std::size_t i = 0; i < failure_classes; ++i) {
        if (static_cast<std::size_t>(classes[i].failure) != i) {
            return false;
        }
    }

    return true;
}

static_assert(classes_in_order());

const ClassRow &row_of(FailureClass failure)
{
    auto index = static_cast<std::size_t>(failure);
    return classes[index < failure_classes ? index : 0];
}

struct Twin {
    std::string_view field;         // lower case, without underscores
    std::string_view param;
};

// A name here stands for everything below it too. A field that only extra_body
// can set has no twin.
constexpr Twin twins[] = {
    {"model", "model"},
    {"contents", "messages"},
    {"systeminstruction", "messages"},
    {"tools", "tools"},
    {"toolconfig", "tool_choice"},
    {"servicetier", "service_tier"},
    {"generationconfig.temperature", "temperature"},
    {"generationconfig.topp", "top_p"},
    {"generationconfig.topk", "top_k"},
    {"generationconfig.candidatecount", "n"},
    {"generationconfig.maxoutputtokens", "max_tokens"},
    {"generationconfig.stopsequences", "stop"},
    {"generationconfig.seed", "seed"},
    {"generationconfig.presencepenalty", "presence_penalty"},
    {"generationconfig.frequencypenalty", "frequency_penalty"},
    {"generationconfig.responselogprobs", "logprobs"},
    {"generationconfig.logprobs", "top_logprobs"},
    {"generationconfig.responsemimetype", "response_format"},
    {"generationconfig.responseschema", "response_format"},
    {"generationconfig.responsejsonschema", "response_format"},
    {"generationconfig.responsemodalities", "modalities"},
    {"generationconfig.speechconfig", "audio"},
    {"generationconfig.thinkingconfig", "reasoning_effort"}
};

constexpr std::string_view request_type = "generatecontentrequest.";

/// Takes `name` from the front of field, whatever its case and underscores.
bool take(std::string_view &field, std::string_view name)
{
    std::size_t at = 0;

    for (char wanted : name) {
        while (at < field.size() && field[at] == '_') {
            ++at;
        }

        if (at == field.size()) {
            return false;
        }

        char c = field[at];

        if (c >= 'A' && c <= 'Z') {
            c = static_cast<char>(c - 'A' + 'a');
        }

        if (c != wanted) {
            return false;
        }

        ++at;
    }

    field.remove_prefix(at);
    return true;
}

bool ends_here(std::string_view rest)
{
    return rest.empty() || rest.front() == '.' || rest.front() == '[';
}

}

std::string_view name_of(FailureClass failure)
{
    return row_of(failure).name;
}

std::optional<FailureClass> failure_class(std::string_view name)
{
    for (const ClassRow &row : classes) {
        if (row.name == name) {
            return row.failure;
        }
    }

    return std::nullopt;
}

Scope scope_of(FailureClass failure)
{
    return row_of(failure).scope;
}

std::string_view param_of_field(std::string_view field)
{
    take(field, request_type);

    for (const Twin &twin : twins) {
        std::string_view rest = field;

        if (take(rest, twin.field) && ends_here(rest)) {
            return twin.param;
        }
    }

    return {};
}

}
