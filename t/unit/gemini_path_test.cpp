#include "core/gemini/path.hpp"

#include <gtest/gtest.h>

namespace {

using namespace gw;
using gemini::Api;
using gemini::Place;

constexpr Place dublin{Api::vertex, "our-project", "europe-west1"};

std::string generate_path(std::string_view model, bool stream,
    const Place &place = {})
{
    StringOutput out;
    gemini::write_generate_path(model, place, stream, out);
    return out.take();
}

std::string embed_path(std::string_view model, const Place &place = {})
{
    StringOutput out;
    gemini::write_embed_path(model, place, out);
    return out.take();
}

std::string models_path(std::string_view token, Api api = Api::gemini)
{
    StringOutput out;
    gemini::write_models_path(api, token, out);
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

TEST(GeminiPath, OfVertexItLiesInThePlaceOfTheCredential)
{
    const std::string models = "/v1/projects/our-project/locations/"
                               "europe-west1/publishers/google/models/";

    EXPECT_EQ(generate_path("gemini-2.5-pro", false, dublin),
        models + "gemini-2.5-pro:generateContent");
    EXPECT_EQ(generate_path("gemini-2.5-pro", true, dublin),
        models + "gemini-2.5-pro:streamGenerateContent?alt=sse");
    EXPECT_EQ(embed_path("gemini-embedding-001", dublin),
        models + "gemini-embedding-001:predict");
    EXPECT_EQ(embed_path("text-embedding-005", dublin),
        models + "text-embedding-005:predict");
    EXPECT_EQ(embed_path("gemini-embedding-2", dublin),
        models + "gemini-embedding-2:embedContent");
}

TEST(GeminiPath, EmbeddingsOfTheGeminiApiAreBatches)
{
    EXPECT_EQ(embed_path("gemini-embedding-001"),
        "/v1beta/models/gemini-embedding-001:batchEmbedContents");
}

TEST(GeminiPath, PagesOfModelsAreLargeAndTokensEncoded)
{
    EXPECT_EQ(models_path(""), "/v1beta/models?pageSize=1000");
    EXPECT_EQ(models_path("Ch+/=&_-.~\xff"), "/v1beta/models?pageSize=1000"
        "&pageToken=Ch%2B%2F%3D%26_-.~%FF");
    EXPECT_EQ(models_path("a/b", Api::vertex),
        "/v1beta1/publishers/google/models?pageSize=100&pageToken=a%2Fb");
}

}
