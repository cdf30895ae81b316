#include "core/gemini/key_check.hpp"

#include "core/base/text.hpp"
#include "core/gemini/error.hpp"
#include "core/gemini/vertex_path.hpp"
#include "core/json/reader.hpp"

#include <memory_resource>
#include <utility>

namespace gw::gemini {

namespace {

constexpr std::size_t max_reason = 100;
constexpr std::size_t max_message = 500;

// A model that every place has.
constexpr std::string_view counted_by = "gemini-2.5-flash";
constexpr std::string_view counted =
    R"({"contents":[{"role":"user","parts":[{"text":"x"}]}]})";

struct Expected {
    json::Raw models;
    json::Raw total_tokens;
};

constexpr json::Field page_fields[] = {
    json::raw<&Expected::models>("models"),
    json::raw<&Expected::total_tokens>("totalTokens"),
};
constexpr json::Shape page_shape{page_fields};

bool is_answer(std::string_view body, Api api)
{
    Arena arena(std::pmr::new_delete_resource());
    Expected page;

    return json::read(body, page_shape, page, arena,
               json::Strictness::lenient)
           && (api == Api::gemini
                   ? page.models.type == json::Type::array
                   : page.total_tokens.type == json::Type::number);
}

/// A name that may stand in a hint as it is.
std::string plain_name(std::string_view text)
{
    constexpr std::size_t longest = 100;

    return text.size() <= longest
                   && text.find_first_not_of(
                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "0123456789.-_/") == std::string_view::npos
        ? std::string(text) : std::string();
}

std::string role_for(std::string_view permission)
{
    struct Role {
        std::string_view permission;
        std::string_view name;
    };

    for (const Role &role : {
             Role{"aiplatform.", "roles/aiplatform.user"},
             Role{"serviceusage.",
                 "roles/serviceusage.serviceUsageConsumer"} })
    {
        if (starts_with(permission, role.permission)) {
            return ", as \"" + std::string(role.name) + "\" has";
        }
    }

    return {};
}

std::string quoted(std::string_view name, std::string_view unknown)
{
    return name.empty() ? std::string(unknown)
                        : "\"" + std::string(name) + "\"";
}

KeyProblem problem_of(const UpstreamError &error)
{
    KeyProblem problem;
    std::string service = plain_name(error.service);
    std::string permission = plain_name(error.permission);

    if (error.reason == "SERVICE_DISABLED") {
        problem.kind = ProblemKind::api_disabled;
        problem.hint = "Enable the API " + quoted(service, "in question")
                       + " in the project that the credential is of. It "
                         "takes some minutes to arrive.";

    } else if (error.reason == "USER_PROJECT_DENIED") {
        permission = "serviceusage.services.use";
        problem.kind = ProblemKind::permission_missing;
        problem.hint = "Grant the account a role with the permission "
                       + quoted(permission, {}) + role_for(permission)
                       + ", in the project that \"project=\" or its file "
                         "names.";

    } else if (error.reason == "IAM_PERMISSION_DENIED") {
        problem.kind = ProblemKind::permission_missing;
        problem.hint = "Grant the account a role with the permission "
                       + quoted(permission, "in question")
                       + role_for(permission)
                       + ". It takes five to ten minutes to arrive.";

    } else if (error.reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT") {
        problem.kind = ProblemKind::scope_insufficient;
        problem.hint = "Leave \"scope=\" out, or set it to one that the API "
                       "takes: https://www.googleapis.com/auth/"
                       "cloud-platform.";

    } else if (error.reason == "BILLING_DISABLED"
               || error.reason == "BILLING_NOT_ENABLED")
    {
        problem.kind = ProblemKind::billing;
        problem.hint = "Enable billing for the project that the credential "
                       "is of.";

    } else {
        return problem;
    }

    problem.service = std::move(service);
    problem.permission = std::move(permission);

    return problem;
}

}

std::string_view name_of(ProblemKind kind)
{
    switch (kind) {

    case ProblemKind::api_disabled:
        return "api_disabled";

    case ProblemKind::permission_missing:
        return "permission_missing";

    case ProblemKind::scope_insufficient:
        return "scope_insufficient";

    case ProblemKind::billing:
        return "billing";

    case ProblemKind::token:
        return "token";

    case ProblemKind::none:
        break;
    }

    return "none";
}

KeyQuestion key_question(const Place &place)
{
    KeyQuestion question;

    if (place.api == Api::gemini) {
        question.path = "/v1beta/models?pageSize=1";
        return question;
    }

    StringOutput path;
    write_vertex_model(vertex_version, place, counted_by, path);
    path.append(":countTokens");

    question.method = "POST";
    question.path = path.take();
    question.body = counted;

    return question;
}

KeyAnswer read_key_answer(int http_status, std::string_view body,
    std::string_view secret, Api api)
{
    KeyAnswer answer;

    if (http_status >= 200 && http_status < 300) {
        if (is_answer(body, api)) {
            answer.state = KeyState::lives;
        } else {
            answer.message = api == Api::gemini
                ? "The answer is no list of models."
                : "The answer is no count of tokens.";
        }

        return answer;
    }

    UpstreamError error = parse_error(http_status, body);

    // What the status line says counts: a body may claim anything.
    if (error.code == http_status
        && classify(error, std::nullopt, secret).failure
           == FailureClass::invalid)
    {
        answer.state = KeyState::refused;
    }

    answer.reason = scrub(error.reason.empty() ? error.status : error.reason,
        secret, max_reason);
    answer.message = scrub(error.message, secret, max_message);
    answer.problem = problem_of(error);

    return answer;
}

}
