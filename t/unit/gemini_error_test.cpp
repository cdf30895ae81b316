// What upstream errors mean. One case for each row of reference/errors.md
// section 2, in bodies of our own.
#include "core/gemini/error.hpp"

#include "core/base/text.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace {

using namespace gw;
using gemini::Action;
using gemini::FailureClass;
using gemini::Scope;
using gemini::Verdict;

constexpr Action next = Action::next_credential;
constexpr Action answer = Action::answer;

/// An error body; details is the inside of the array, or empty.
std::string body(int code, const std::string &status,
    const std::string &message, const std::string &details = {})
{
    std::string text = "{\"error\":{\"code\":" + std::to_string(code)
                       + ",\"message\":\"" + message + "\",\"status\":\""
                       + status + "\"";

    if (!details.empty()) {
        text += ",\"details\":[" + details + "]";
    }

    return text + "}}";
}

std::string reason(const std::string &name, const std::string &metadata = {})
{
    return "{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
           "\"reason\":\"" + name + "\",\"domain\":\"googleapis.com\","
           "\"metadata\":{" + metadata + "}}";
}

std::string retry(const std::string &delay)
{
    return "{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
           "\"retryDelay\":\"" + delay + "\"}";
}

std::string violation(const std::string &id, const std::string &value)
{
    return "{\"quotaMetric\":\"generativelanguage.googleapis.com/"
           "generate_content_free_tier_requests\",\"quotaId\":\"" + id
           + "\",\"quotaDimensions\":{\"location\":\"global\",\"model\":"
           "\"gemini-3.5-flash\"},\"quotaValue\":\"" + value + "\"}";
}

std::string quota(const std::string &violations)
{
    return "{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\","
           "\"violations\":[" + violations + "]}";
}

std::string bad_request(const std::string &field)
{
    return "{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\","
           "\"fieldViolations\":[{\"field\":\"" + field
           + "\",\"description\":\"d\"}]}";
}

const std::string minute =
    violation("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "5");
const std::string day =
    violation("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "20");

constexpr const char *exceeded =
    "You exceeded your current quota, please check your plan.";

Verdict verdict(int status, const std::string &text)
{
    return gemini::classify(gemini::parse_error(status, text));
}

TEST(GeminiError, VertexHasWordsOfItsOwn)
{
    Verdict shared = verdict(429, body(429, "RESOURCE_EXHAUSTED",
        "Resource exhausted. Please try again later. Please refer to x"));
    EXPECT_EQ(shared.failure, FailureClass::unavailable);
    EXPECT_EQ(shared.action, next);
    EXPECT_EQ(shared.error.kind, ErrorKind::overloaded);

    Verdict ours = verdict(429, body(429, "RESOURCE_EXHAUSTED",
        "Resource exhausted.", quota(minute)));
    EXPECT_EQ(ours.failure, FailureClass::rate_limit);

    ours = verdict(429, body(429, "RESOURCE_EXHAUSTED", "Quota exceeded for "
        "aiplatform.googleapis.com/generate_content_requests_per_minute"));
    EXPECT_EQ(ours.failure, FailureClass::rate_limit);

    Verdict model = verdict(404, body(404, "NOT_FOUND", "Publisher Model "
        "`projects/secret/locations/eu/publishers/google/models/x` was not "
        "found or your project does not have access to it."));
    EXPECT_EQ(model.failure, FailureClass::none);
    EXPECT_EQ(model.action, next);
    EXPECT_EQ(model.error.kind, ErrorKind::model_not_found);
    EXPECT_EQ(model.error.message.find("secret"), std::string::npos);

    EXPECT_EQ(verdict(400, body(400, "INVALID_ARGUMENT",
        "Please use a valid role: user, model.")).error.kind,
        ErrorKind::bad_request);
}

TEST(GeminiError, EveryRowOfTheCatalogueHasItsClassActionAndKind)
{
    struct Case {
        const char *name;
        int status;
        std::string text;
        FailureClass failure;
        Action action;
        ErrorKind kind;
    };

    const Case cases[] = {
        {"1 reason", 400, body(400, "INVALID_ARGUMENT", "x",
            reason("API_KEY_INVALID")), FailureClass::invalid, next,
            ErrorKind::credentials_failed},
        {"1 text", 400, body(400, "INVALID_ARGUMENT",
            "API Key not found. Please pass a valid API key."),
            FailureClass::invalid, next, ErrorKind::credentials_failed},
        {"2", 400, body(400, "INVALID_ARGUMENT",
            "API key expired. Please renew the API key."),
            FailureClass::invalid, next, ErrorKind::credentials_failed},
        {"3", 400, body(400, "INVALID_ARGUMENT", "Multiple authentication "
            "credentials received. Please pass only one."),
            FailureClass::none, answer, ErrorKind::internal},
        {"4", 401, body(401, "UNAUTHENTICATED", "Request had invalid "
            "authentication credentials.",
            reason("ACCESS_TOKEN_TYPE_UNSUPPORTED")), FailureClass::invalid,
            next, ErrorKind::credentials_failed},
        {"5", 402, body(402, "RESOURCE_EXHAUSTED", "Credits are used up."),
            FailureClass::daily_quota, next, ErrorKind::quota_exhausted},
        {"5 before 402", 429, body(429, "RESOURCE_EXHAUSTED",
            "Your prepayment credits are depleted."),
            FailureClass::daily_quota, next, ErrorKind::quota_exhausted},
        {"6", 403, body(403, "PERMISSION_DENIED", "Your API key was reported "
            "as leaked. Please use another API key."), FailureClass::invalid,
            next, ErrorKind::credentials_failed},
        {"7", 403, body(403, "PERMISSION_DENIED", "Consumer has been "
            "suspended.", reason("CONSUMER_SUSPENDED")),
            FailureClass::invalid, next, ErrorKind::credentials_failed},
        {"8", 403, body(403, "PERMISSION_DENIED", "has not been used in "
            "project 7 before", reason("SERVICE_DISABLED")),
            FailureClass::invalid, next, ErrorKind::credentials_failed},
        {"9", 403, body(403, "PERMISSION_DENIED", "blocked",
            reason("API_KEY_IP_ADDRESS_BLOCKED")), FailureClass::invalid,
            next, ErrorKind::credentials_failed},
        {"10", 403, body(403, "PERMISSION_DENIED", "billing",
            reason("BILLING_DISABLED")), FailureClass::invalid, next,
            ErrorKind::credentials_failed},
        {"11", 403, body(403, "PERMISSION_DENIED",
            "Unrestricted API keys are not accepted."),
            FailureClass::invalid, next, ErrorKind::credentials_failed},
        {"12 file", 403, body(403, "PERMISSION_DENIED", "You do not have "
            "permission to access the File abc or it may not exist."),
            FailureClass::none, answer, ErrorKind::bad_request},
        {"12 Vertex", 403, body(403, "PERMISSION_DENIED", "Permission "
            "'aiplatform.endpoints.predict' denied",
            reason("IAM_PERMISSION_DENIED")), FailureClass::invalid, next,
            ErrorKind::credentials_failed},
        {"12 model", 403, body(403, "PERMISSION_DENIED", "Permission "
            "'generativelanguage.tunedModels.get' denied",
            reason("IAM_PERMISSION_DENIED")), FailureClass::no_access, next,
            ErrorKind::credentials_failed},
        {"13", 403, body(403, "PERMISSION_DENIED", "Method doesn't allow "
            "unregistered callers (callers without established identity)."),
            FailureClass::none, answer, ErrorKind::internal},
        {"14", 400, body(400, "FAILED_PRECONDITION",
            "User location is not supported for the API use."),
            FailureClass::none, answer, ErrorKind::unsupported_region},
        {"15 free tier", 400, body(400, "FAILED_PRECONDITION", "Gemini API "
            "free tier is not available in your country. Please enable "
            "billing."), FailureClass::no_access, next,
            ErrorKind::credentials_failed},
        {"15 bare", 400, body(400, "FAILED_PRECONDITION",
            "Precondition check failed."), FailureClass::none, next,
            ErrorKind::bad_request},
        {"16", 400, body(400, "INVALID_ARGUMENT", "Invalid JSON payload "
            "received. Unknown name", bad_request("generation_config.seed")),
            FailureClass::none, answer, ErrorKind::bad_request},
        {"17", 400, body(400, "INVALID_ARGUMENT",
            "Request contains an invalid argument."), FailureClass::none,
            answer, ErrorKind::bad_request},
        {"18", 400, body(400, "INVALID_ARGUMENT", "The input token count "
            "(1200000) exceeds the maximum number of tokens allowed "
            "(1048576)."), FailureClass::none, answer,
            ErrorKind::context_too_long},
        {"19 text", 400, body(400, "INVALID_ARGUMENT", "Request payload "
            "size exceeds the limit: 20971520 bytes."), FailureClass::none,
            answer, ErrorKind::payload_too_large},
        {"19 page", 413, "<!DOCTYPE html><title>Error 413</title>",
            FailureClass::none, answer, ErrorKind::payload_too_large},
        {"20", 400, body(400, "INVALID_ARGUMENT", "Function call is missing "
            "a thought_signature in functionCall parts."),
            FailureClass::none, answer, ErrorKind::bad_request},
        {"21", 403, body(403, "PERMISSION_DENIED",
            "CachedContent not found (or permission denied)"),
            FailureClass::none, answer, ErrorKind::bad_request},
        {"22", 404, body(404, "NOT_FOUND", "models/gemini-9 is not found for "
            "API version v1beta, or is not supported for generateContent."),
            FailureClass::none, answer, ErrorKind::model_not_found},
        {"23", 404, body(404, "NOT_FOUND", "This model models/gemini-2 is "
            "no longer available to new users."), FailureClass::no_access,
            next, ErrorKind::model_not_found},
        {"24", 404, "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>",
            FailureClass::none, answer, ErrorKind::internal},
        {"25", 409, body(409, "ABORTED", "conflict"), FailureClass::none,
            next, ErrorKind::upstream_failed},
        {"26", 429, body(429, "RESOURCE_EXHAUSTED", exceeded,
            quota(minute) + "," + retry("46s")), FailureClass::rate_limit,
            next, ErrorKind::rate_limited},
        {"27", 429, body(429, "RESOURCE_EXHAUSTED", exceeded,
            quota(day) + "," + retry("46s")), FailureClass::daily_quota,
            next, ErrorKind::quota_exhausted},
        {"27 long delay", 429, body(429, "RESOURCE_EXHAUSTED", exceeded,
            quota(minute) + "," + retry("35640.5s")),
            FailureClass::daily_quota, next, ErrorKind::quota_exhausted},
        {"27 mixed", 429, body(429, "RESOURCE_EXHAUSTED", exceeded,
            quota(day + "," + minute) + "," + retry("12s")),
            FailureClass::rate_limit, next, ErrorKind::rate_limited},
        {"27 mixed, long delay", 429, body(429, "RESOURCE_EXHAUSTED",
            exceeded, quota(day + "," + minute) + "," + retry("301s")),
            FailureClass::daily_quota, next, ErrorKind::quota_exhausted},
        {"28 value", 429, body(429, "RESOURCE_EXHAUSTED", exceeded,
            quota(violation("GenerateRequestsPerDayPerProjectPerModel", "0"))
            + "," + retry("46s")), FailureClass::no_access, next,
            ErrorKind::quota_exhausted},
        {"28 text", 429, body(429, "RESOURCE_EXHAUSTED", "You exceeded.\\n* "
            "Quota exceeded for metric: g/requests, limit: 0, model: m\\n"
            "Please retry in 46.1s."), FailureClass::no_access, next,
            ErrorKind::quota_exhausted},
        {"29", 429, body(429, "RESOURCE_EXHAUSTED",
            "Resource has been exhausted (e.g. check quota)."),
            FailureClass::rate_limit, next, ErrorKind::rate_limited},
        {"29 without a body", 429, "", FailureClass::rate_limit, next,
            ErrorKind::rate_limited},
        {"30", 429, body(429, "RESOURCE_EXHAUSTED", "Quota exceeded",
            reason("RATE_LIMIT_EXCEEDED", "\"quota_limit_value\":\"0\"")),
            FailureClass::no_access, next, ErrorKind::quota_exhausted},
        {"30 not 0", 429, body(429, "RESOURCE_EXHAUSTED", "Quota exceeded",
            reason("RATE_LIMIT_EXCEEDED", "\"quota_limit\":\"RequestsPer"
            "Minute\",\"quota_limit_value\":\"60\"")),
            FailureClass::rate_limit, next, ErrorKind::rate_limited},
        {"31", 429, body(429, "RESOURCE_EXHAUSTED", "The billing account "
            "exceeded its monthly spending cap."), FailureClass::daily_quota,
            next, ErrorKind::quota_exhausted},
        {"32 reason", 429, body(429, "RESOURCE_EXHAUSTED", "busy",
            reason("MODEL_CAPACITY_EXHAUSTED")), FailureClass::unavailable,
            next, ErrorKind::overloaded},
        {"32 text", 500, body(500, "INTERNAL",
            "No capacity available for model m on the server"),
            FailureClass::unavailable, next, ErrorKind::overloaded},
        {"33", 429, "<html><title>Sorry...</title><p>your computer or network"
            " may be sending automated queries.</html>", FailureClass::none,
            answer, ErrorKind::unavailable},
        {"34", 499, body(499, "CANCELLED", "The operation was cancelled."),
            FailureClass::none, answer, ErrorKind::upstream_failed},
        {"35", 500, body(500, "INTERNAL", "An internal error has occurred."),
            FailureClass::server_error, next, ErrorKind::upstream_failed},
        {"36", 500, body(500, "UNKNOWN", ""), FailureClass::server_error,
            next, ErrorKind::upstream_failed},
        {"other 5xx", 529, "", FailureClass::server_error, next,
            ErrorKind::upstream_failed},
        {"37", 502, "<html>Bad Gateway</html>", FailureClass::gateway, next,
            ErrorKind::upstream_failed},
        {"38", 503, body(503, "UNAVAILABLE", "The model is overloaded. "
            "Please try again later."), FailureClass::unavailable, next,
            ErrorKind::overloaded},
        {"39", 504, body(504, "DEADLINE_EXCEEDED", "Deadline expired before "
            "operation could complete."), FailureClass::gateway, next,
            ErrorKind::timeout},
        {"403 of something on the way", 403, "<html>Blocked</html>",
            FailureClass::none, next, ErrorKind::upstream_failed},
        {"grounding's own limit", 429, body(429, "RESOURCE_EXHAUSTED",
            exceeded, quota(violation("GroundingRequestsPerDay", "0"))),
            FailureClass::none, next, ErrorKind::rate_limited},
        {"an error in a 200", 200, body(503, "UNAVAILABLE", "overloaded"),
            FailureClass::unavailable, next, ErrorKind::overloaded},
        {"a 200 with only a status", 200,
            "{\"error\":{\"status\":\"RESOURCE_EXHAUSTED\"}}",
            FailureClass::rate_limit, next, ErrorKind::rate_limited},
        {"an array of one", 400, "[" + body(400, "INVALID_ARGUMENT", "x",
            reason("API_KEY_INVALID")) + "]", FailureClass::invalid, next,
            ErrorKind::credentials_failed},
        {"an array that began well", 200, "[{\"candidates\":[]}\n,\r\n"
            + body(503, "UNAVAILABLE", "x") + "]", FailureClass::unavailable,
            next, ErrorKind::overloaded}
    };

    for (const Case &c : cases) {
        Verdict got = verdict(c.status, c.text);

        EXPECT_EQ(gemini::name_of(got.failure), gemini::name_of(c.failure))
            << c.name;
        EXPECT_EQ(got.action, c.action) << c.name;
        EXPECT_EQ(got.error.kind, c.kind) << c.name;
        EXPECT_FALSE(got.error.message.empty()) << c.name;
        EXPECT_EQ(got.perhaps_daily, std::string(c.name) == "27 mixed")
            << c.name;
    }
}

TEST(GeminiError, AQuotedPhraseOfTheClientTakesNoKeyOut)
{
    for (const char *message : {
             "Invalid value at 'contents' (TYPE_STRING), API key not valid",
             "Unknown name API_KEY_INVALID: User location is not supported",
             "Bad: No capacity available, Multiple authentication" })
    {
        Verdict got = verdict(400, body(400, "INVALID_ARGUMENT", message));

        EXPECT_EQ(got.failure, FailureClass::none) << message;
        EXPECT_EQ(got.action, answer) << message;
        EXPECT_EQ(got.error.kind, ErrorKind::bad_request) << message;
    }
}

TEST(GeminiError, TheDelayIsRetryInfosThenTheHeadersThenTheProses)
{
    const std::string prose = "Slow. Please retry in 10h17m5.7s.";
    auto plain = gemini::parse_error(429, body(429, "", "slow"));
    auto told = gemini::parse_error(429, body(429, "", prose));
    auto info = gemini::parse_error(429, body(429, "", prose, retry("2.5s")));
    auto reset = gemini::parse_error(429, body(429, "", "slow",
        reason("QUOTA", "\"quotaResetDelay\":\"373.801628ms\"")));

    EXPECT_EQ(gemini::classify(plain).retry_after_ms, std::nullopt);
    EXPECT_EQ(gemini::classify(info, 9000).retry_after_ms, 2500);
    EXPECT_EQ(gemini::classify(told, 9000).retry_after_ms, 9000);
    EXPECT_EQ(gemini::classify(told).retry_after_ms, 37025700);
    EXPECT_EQ(gemini::classify(reset).retry_after_ms, 374);

    EXPECT_EQ(gemini::classify(told).failure, FailureClass::daily_quota);
    EXPECT_EQ(gemini::classify(told).error.retry_after, 37026);
    EXPECT_EQ(gemini::classify(info).error.retry_after, 3);
}

TEST(GeminiError, ADelayThatCannotBeMeantIsNoDelay)
{
    EXPECT_EQ(verdict(429, body(429, "", "x", quota(day) + ","
        + retry("0.96s"))).retry_after_ms, std::nullopt);
    EXPECT_EQ(verdict(429, body(429, "", "x", quota(violation("Requests",
        "0")) + "," + retry("46s"))).retry_after_ms, std::nullopt);
    EXPECT_EQ(verdict(429, body(429, "", "x", quota(day) + ","
        + retry("3600s"))).retry_after_ms, 3600000);
}

TEST(GeminiError, ViolationsKeepWhatLimitsAreLearnedFrom)
{
    auto error = gemini::parse_error(429, body(429, "RESOURCE_EXHAUSTED", "x",
        quota(minute + "," + day)));

    ASSERT_EQ(error.violations.size(), 2u);
    EXPECT_EQ(error.violations[0].quota_id,
        "GenerateRequestsPerMinutePerProjectPerModel-FreeTier");
    EXPECT_EQ(error.violations[0].model, "gemini-3.5-flash");
    EXPECT_EQ(error.violations[0].value, 5);
    EXPECT_EQ(error.violations[1].value, 20);
}

TEST(GeminiError, ViolationsComeFromTheMessageWhenThereAreNoDetails)
{
    auto error = gemini::parse_error(429, body(429, "RESOURCE_EXHAUSTED",
        "You exceeded.\\n* Quota exceeded for metric: g/a_requests, limit: "
        "15, model: gemini-x\\n* Quota exceeded for metric: g/b_per_day\\n"
        "Please retry in 3s."));

    ASSERT_EQ(error.violations.size(), 2u);
    EXPECT_EQ(error.violations[0].metric, "g/a_requests");
    EXPECT_EQ(error.violations[0].value, 15);
    EXPECT_EQ(error.violations[0].model, "gemini-x");
    EXPECT_EQ(error.violations[1].metric, "g/b_per_day");
    EXPECT_EQ(error.violations[1].value, std::nullopt);
    EXPECT_TRUE(gemini::classify(error).perhaps_daily);
}

TEST(GeminiError, ViolationsAreBounded)
{
    std::string many = minute;

    for (int i = 0; i < 1000; ++i) {
        many += "," + minute;
    }

    EXPECT_EQ(gemini::parse_error(429, body(429, "", "x", quota(many)))
        .violations.size(), gemini::max_violations);
}

TEST(GeminiError, NoSecretReachesTheClient)
{
    const std::string key = "AIzaSyA1234567890abcdefghijklmnopqrstuv";
    const std::string odd = "opaque-secret-of-ours";
    const std::string message = "Bad " + key + " and " + odd
        + " for consumer 'project_number:348715329010', projects/42";

    for (int status : {400, 404, 409, 413, 429, 500, 502, 503, 504}) {
        for (const std::string &text : {body(status, "X", message), message,
                 "<p>" + message + "</p>"})
        {
            auto got = gemini::classify(gemini::parse_error(status, text),
                std::nullopt, odd).error;

            EXPECT_EQ(got.message.find(key), std::string::npos) << status;
            EXPECT_EQ(got.message.find(odd), std::string::npos) << status;
        }
    }

    auto shown = verdict(429, body(429, "X", message)).error.message;
    EXPECT_EQ(shown.find("348715329010"), std::string::npos);
    EXPECT_NE(shown.find("projects/..."), std::string::npos);
    EXPECT_EQ(verdict(429, body(429, "X", "of projects/mine")).error.message,
        "of projects/mine");
}

TEST(GeminiError, APageIsToldByItsStatusAndItsText)
{
    auto error = gemini::parse_error(502, "\n<!DOCTYPE html><html><style>p {"
        "color: red}</style><!-- <b>x</b> --><title>Error 502</title>\n<p>"
        "That is\n  an error.<script>if (a < b) {}</script></html>");

    EXPECT_TRUE(error.html);
    EXPECT_FALSE(error.json);
    EXPECT_EQ(gemini::classify(error).error.message,
        "The upstream answered 502 with an HTML page: Error 502 That is an "
        "error.");

    EXPECT_EQ(verdict(502, "a < b").error.message,
        "The upstream answered 502: a < b");
    EXPECT_EQ(verdict(502, "").error.message, "The upstream answered 502.");
    EXPECT_EQ(verdict(502, body(502, "X", "\\u0001")).error.message,
        "The upstream answered 502.");
    EXPECT_LT(verdict(502, "<p>" + std::string(5000, 'x')).error.message
        .size(), 300u);
}

TEST(GeminiError, ContextLengthIsSaidInOpenAiWords)
{
    auto numbers = verdict(400, body(400, "INVALID_ARGUMENT", "The input "
        "token count (1200000) exceeds the maximum number of tokens allowed "
        "(1048576).")).error;

    EXPECT_EQ(numbers.param, "messages");
    EXPECT_EQ(numbers.message, "This model's maximum context length is "
        "1048576 tokens. However, your messages resulted in 1200000 tokens. "
        "Please reduce the length of the messages.");

    for (const char *message : {
             "The input token count exceeds the maximum number of tokens.",
             "The token count (9 exceeds the maximum (",
             "The token count (7) exceeds the maximum" })
    {
        EXPECT_NE(verdict(400, body(400, "INVALID_ARGUMENT", message)).error
            .message.find("maximum context length"), std::string::npos);
    }
}

TEST(GeminiError, ARequestErrorNamesTheParam)
{
    auto got = verdict(400, body(400, "INVALID_ARGUMENT", "Invalid value",
        bad_request("generation_config.temperature"))).error;

    EXPECT_EQ(got.param, "temperature");
    EXPECT_EQ(got.code, "invalid_argument");
    EXPECT_EQ(verdict(404, body(404, "NOT_FOUND", "models/x is not found"))
        .error.param, "model");
}

TEST(GeminiError, FieldsHaveTwins)
{
    struct Case {
        const char *field;
        const char *param;
    };

    for (const Case &c : {
             Case{"generation_config.temperature", "temperature"},
             Case{"generationConfig.topP", "top_p"},
             Case{"GenerateContentRequest.generation_config.top_k", "top_k"},
             Case{"generation_config.max_output_tokens", "max_tokens"},
             Case{"generation_config.response_json_schema.properties[0]",
                 "response_format"},
             Case{"generation_config.thinking_config.thinking_budget",
                 "reasoning_effort"},
             Case{"tools[0].function_declarations[0].name", "tools"},
             Case{"tool_config.function_calling_config", "tool_choice"},
             Case{"contents[2].parts[0].inline_data", "messages"},
             Case{"system_instruction", "messages"},
             Case{"generation_config.top_pot", ""},
             Case{"generation_config", ""}, Case{"safety_settings[0]", ""},
             Case{"toolsmith", ""}, Case{"", ""}, Case{"_", ""} })
    {
        EXPECT_EQ(gemini::param_of_field(c.field), c.param) << c.field;
    }
}

TEST(GeminiError, WhatIsNoErrorObjectIsToldByTheStatus)
{
    for (const char *text : {"", "   ", "{", "[", "[]", "{}", "null", "\"x\"",
             "{\"error\":7}", "{\"error\":[]}", "[1,2]", "}{", "<",
             "{\"error\":{\"code\":", "{\"error\":{\"message\":\"\xff\"}}"})
    {
        auto error = gemini::parse_error(503, text);

        EXPECT_EQ(error.code, 503) << text;
        EXPECT_FALSE(error.json) << text;
        EXPECT_EQ(gemini::classify(error).failure, FailureClass::unavailable)
            << text;
    }
}

TEST(GeminiError, OtherFormsOfAnErrorAreUnderstood)
{
    auto text = gemini::parse_error(400, "{\"error\":\"invalid_grant\"}");
    EXPECT_TRUE(text.json);
    EXPECT_EQ(text.message, "invalid_grant");

    auto named = gemini::parse_error(400,
        "{\"error\":{\"code\":\"invalid_request\",\"message\":\"m\"}}");
    EXPECT_EQ(named.code, 400);
    EXPECT_EQ(named.message, "m");

    auto grpc = gemini::parse_error(200,
        "{\"error\":{\"code\":14,\"status\":\"UNAVAILABLE\"}}");
    EXPECT_EQ(grpc.code, 503);
}

TEST(GeminiError, ClassesHaveNamesAndScopes)
{
    for (std::size_t i = 0; i < gemini::failure_classes; ++i) {
        auto failure = static_cast<FailureClass>(i);
        EXPECT_EQ(gemini::failure_class(gemini::name_of(failure)), failure);
    }

    EXPECT_EQ(gemini::failure_class("quota"), std::nullopt);
    EXPECT_EQ(gemini::scope_of(FailureClass::none), Scope::none);
    EXPECT_EQ(gemini::scope_of(FailureClass::invalid), Scope::key);
    EXPECT_EQ(gemini::scope_of(FailureClass::rate_limit),
        Scope::project_model);
    EXPECT_EQ(gemini::scope_of(FailureClass::daily_quota),
        Scope::project_model);
    EXPECT_EQ(gemini::scope_of(FailureClass::no_access), Scope::key_model);
    EXPECT_EQ(gemini::scope_of(FailureClass::server_error),
        Scope::key_model);
}

TEST(GeminiError, RecordedErrorsAreClassified)
{
    const char *fixtures = std::getenv("GEMINI_FIXTURES");

    if (fixtures == nullptr) {
        GTEST_SKIP() << "GEMINI_FIXTURES does not name the recorded answers";
    }

    struct Case {
        const char *file;
        int status;
        FailureClass failure;
        ErrorKind kind;
    };

    for (const Case &c : {
             Case{"unary-failure-api-key.json", 400, FailureClass::invalid,
                 ErrorKind::credentials_failed},
             Case{"unary-failure-generativelanguage-api-not-enabled.json",
                 403, FailureClass::invalid, ErrorKind::credentials_failed},
             Case{"unary-failure-http-error.json", 400, FailureClass::none,
                 ErrorKind::unsupported_region},
             Case{"unary-failure-quota-exceeded.json", 429,
                 FailureClass::no_access, ErrorKind::quota_exhausted},
             Case{"unary-failure-unknown-model.json", 404,
                 FailureClass::none, ErrorKind::model_not_found} })
    {
        std::ifstream file(std::string(fixtures) + "/unary/" + c.file);

        if (!file) {
            GTEST_SKIP() << "GEMINI_FIXTURES has no unary/" << c.file;
        }

        std::string text{std::istreambuf_iterator<char>(file), {}};
        Verdict got = verdict(c.status, text);

        EXPECT_EQ(gemini::name_of(got.failure), gemini::name_of(c.failure))
            << c.file;
        EXPECT_EQ(got.error.kind, c.kind) << c.file;
    }
}

}
