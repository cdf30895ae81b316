#include "core/gemini/error_form.hpp"

#include <gtest/gtest.h>

namespace {

std::string written(const gw::Error &error, int status)
{
    gw::StringOutput out;
    gw::gemini::write_error(error, status, out);
    return out.take();
}

TEST(GeminiErrorForm, HasTheStatusInNumberAndWord)
{
    gw::Error error;
    error.message = "No \"such\" thing";

    EXPECT_EQ(written(error, 404), "{\"error\":{\"code\":404,\"message\":"
        "\"No \\\"such\\\" thing\",\"status\":\"NOT_FOUND\"}}");
    EXPECT_NE(written(error, 413).find("INVALID_ARGUMENT"),
        std::string::npos);
    EXPECT_NE(written(error, 599).find("UNKNOWN"), std::string::npos);
}

TEST(GeminiErrorForm, TellsWhenToComeBackAsGoogleDoes)
{
    gw::Error error;
    error.retry_after = 7;

    EXPECT_NE(written(error, 429).find("\"details\":[{\"@type\":"
        "\"type.googleapis.com/google.rpc.RetryInfo\","
        "\"retryDelay\":\"7s\"}]"), std::string::npos);
}

}
