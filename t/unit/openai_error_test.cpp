#include "core/openai/error.hpp"

#include <string>

#include <gtest/gtest.h>

namespace {

using namespace gw;

std::string written(const Error &error)
{
    StringOutput out;
    openai::write_error(error, out);
    return out.take();
}

Error make(ErrorKind kind, std::string message = "m", std::string param = {},
    std::string code = {})
{
    Error error;
    error.kind = kind;
    error.message = std::move(message);
    error.param = std::move(param);
    error.code = std::move(code);
    return error;
}

TEST(OpenaiError, EveryKindHasItsStatusTypeAndCode)
{
    struct Case {
        ErrorKind kind;
        int status;
        const char *type;
        const char *code;           // JSON
    };

    constexpr const char *request = "invalid_request_error";
    constexpr const char *server = "server_error";

    for (const Case &c : {
             Case{ErrorKind::bad_request, 400, request, "null"},
             Case{ErrorKind::unauthorized, 401, request,
                 "\"invalid_api_key\""},
             Case{ErrorKind::forbidden, 403, request,
                 "\"permission_denied\""},
             Case{ErrorKind::unsupported_region, 403, "request_forbidden",
                 "\"unsupported_country_region_territory\""},
             Case{ErrorKind::unknown_url, 404, request, "\"unknown_url\""},
             Case{ErrorKind::model_not_found, 404, request,
                 "\"model_not_found\""},
             Case{ErrorKind::method_not_allowed, 405, request,
                 "\"unknown_url\""},
             Case{ErrorKind::conflict, 409, request, "\"conflict\""},
             Case{ErrorKind::unsupported_type, 415, request,
                 "\"unsupported_media_type\""},
             Case{ErrorKind::payload_too_large, 413, request,
                 "\"request_too_large\""},
             Case{ErrorKind::context_too_long, 400, request,
                 "\"context_length_exceeded\""},
             Case{ErrorKind::rate_limited, 429, "rate_limit_error",
                 "\"rate_limit_exceeded\""},
             Case{ErrorKind::quota_exhausted, 429, "insufficient_quota",
                 "\"insufficient_quota\""},
             Case{ErrorKind::credentials_failed, 503, server,
                 "\"upstream_auth_error\""},
             Case{ErrorKind::overloaded, 503, server, "\"overloaded\""},
             Case{ErrorKind::unavailable, 503, server,
                 "\"service_unavailable\""},
             Case{ErrorKind::upstream_failed, 502, server,
                 "\"upstream_error\""},
             Case{ErrorKind::truncated, 502, server,
                 "\"stream_truncated\""},
             Case{ErrorKind::timeout, 504, server, "\"timeout\""},
             Case{ErrorKind::internal, 500, server, "\"internal_error\""} })
    {
        EXPECT_EQ(openai::status_of(c.kind), c.status) << c.code;
        EXPECT_EQ(written(make(c.kind)),
            std::string("{\"error\":{\"message\":\"m\",\"type\":\"") + c.type
            + "\",\"param\":null,\"code\":" + c.code + "}}");
    }
}

TEST(OpenaiError, ParamAndCodeAreStrings)
{
    EXPECT_EQ(written(make(ErrorKind::bad_request, "no", "tools[0]",
        "invalid_value")), "{\"error\":{\"message\":\"no\",\"type\":"
        "\"invalid_request_error\",\"param\":\"tools[0]\",\"code\":"
        "\"invalid_value\"}}");
}

TEST(OpenaiError, TheCodeIsTheErrorsElseTheKinds)
{
    Error own = make(ErrorKind::timeout, "m", "", "own");
    Error none = make(ErrorKind::bad_request);

    EXPECT_EQ(openai::code_of(own), "own");
    EXPECT_EQ(openai::code_of(make(ErrorKind::timeout)), "timeout");
    EXPECT_EQ(openai::code_of(none), "");
}

TEST(OpenaiError, TheAllowListIsNoParam)
{
    EXPECT_NE(written(make(ErrorKind::method_not_allowed, "m", "GET"))
        .find("\"param\":null"), std::string::npos);
}

TEST(OpenaiError, AnyMessageIsValidJson)
{
    EXPECT_EQ(written(make(ErrorKind::bad_request, "a\"\\\n\xff")),
        "{\"error\":{\"message\":\"a\\\"\\\\\\n\xef\xbf\xbd\",\"type\":"
        "\"invalid_request_error\",\"param\":null,\"code\":null}}");
}

TEST(OpenaiError, AnEventIsOneLineAndABlankOne)
{
    StringOutput out;
    openai::write_error_event(make(ErrorKind::truncated, "a\nb"), out);
    std::string event = out.take();

    EXPECT_EQ(event.find("data: {\"error\":{"), 0u);
    EXPECT_EQ(event.find('\n'), event.size() - 2);
    EXPECT_EQ(event.substr(event.size() - 3), "}\n\n");
}

TEST(OpenaiError, SdksAreToldWhenARetryCannotHelp)
{
    EXPECT_EQ(openai::should_retry(make(ErrorKind::credentials_failed)),
        "false");
    EXPECT_EQ(openai::should_retry(make(ErrorKind::quota_exhausted)),
        "false");
    EXPECT_EQ(openai::should_retry(make(ErrorKind::timeout)), "false");
    EXPECT_EQ(openai::should_retry(make(ErrorKind::conflict)), "false");
    EXPECT_EQ(openai::should_retry(make(ErrorKind::overloaded)), "");
    EXPECT_EQ(openai::should_retry(make(ErrorKind::bad_request)), "");

    Error limited = make(ErrorKind::rate_limited);
    limited.retry_after = 120;
    EXPECT_EQ(openai::should_retry(limited), "");
    limited.retry_after = 121;
    EXPECT_EQ(openai::should_retry(limited), "false");
}

TEST(OpenaiError, StatusesOfNginxHaveKindAndMessage)
{
    struct Case {
        int status;
        ErrorKind kind;
    };

    for (const Case &c : {
             Case{400, ErrorKind::bad_request},
             Case{401, ErrorKind::unauthorized},
             Case{403, ErrorKind::forbidden},
             Case{404, ErrorKind::unknown_url},
             Case{405, ErrorKind::method_not_allowed},
             Case{413, ErrorKind::payload_too_large},
             Case{418, ErrorKind::bad_request},
             Case{429, ErrorKind::rate_limited},
             Case{494, ErrorKind::bad_request},
             Case{500, ErrorKind::internal},
             Case{502, ErrorKind::upstream_failed},
             Case{503, ErrorKind::unavailable},
             Case{504, ErrorKind::timeout},
             Case{507, ErrorKind::internal}, Case{0, ErrorKind::internal} })
    {
        EXPECT_EQ(openai::kind_of_status(c.status), c.kind) << c.status;
        EXPECT_FALSE(openai::message_of_status(c.status).empty());
    }
}

}
