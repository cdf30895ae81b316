#include "core/gemini/path.hpp"

#include <gtest/gtest.h>

namespace {

using namespace gw;

std::string generate_path(std::string_view model, bool stream)
{
    StringOutput out;
    gemini::write_generate_path(model, stream, out);
    return out.take();
}

std::string models_path(std::string_view token)
{
    StringOutput out;
    gemini::write_models_path(token, out);
    return out.take();
}

TEST(GeminiPath, GenerateNamesModelAndMethod)
{
    EXPECT_EQ(generate_path("gemini-2.5-pro", false),
        "/v1beta/models/gemini-2.5-pro:generateContent");
    EXPECT_EQ(generate_path("gemini-2.5-pro", true),
        "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse");
}

TEST(GeminiPath, AnIdWithACollectionKeepsIt)
{
    EXPECT_EQ(generate_path("tunedModels/mine", false),
        "/v1beta/tunedModels/mine:generateContent");
}

TEST(GeminiPath, PagesOfModelsAreLargeAndTokensEncoded)
{
    EXPECT_EQ(models_path(""), "/v1beta/models?pageSize=1000");
    EXPECT_EQ(models_path("Ch+/=&_-.~\xff"), "/v1beta/models?pageSize=1000"
        "&pageToken=Ch%2B%2F%3D%26_-.~%FF");
}

}
