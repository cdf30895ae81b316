#include "core/gemini/vertex_route.hpp"

#include "core/gemini/native_route.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace gw;
using namespace gw::gemini;

/// "operation model version", or the error.
std::string routed(std::string_view method, std::string_view uri,
    std::string_view prefix = "/")
{
    auto found = vertex_route(method, uri, prefix);

    if (!found) {
        return "not Vertex'";
    }

    Result<VertexRoute> &route = *found;

    if (!route) {
        return route.error().kind == ErrorKind::method_not_allowed
            ? "allow " + route.error().param : route.error().message;
    }

    return std::string(name_of(route->operation)) + " "
        + std::string(route->model) + " " + std::string(route->version);
}

const std::string models
    = "/projects/p/locations/us-central1/publishers/google/models";

TEST(GeminiVertexRoute, EveryVerbIsAnOperation)
{
    for (const char *verb : {"generateContent", "streamGenerateContent",
             "countTokens", "computeTokens", "predict", "embedContent",
             "batchEmbedContents", "predictLongRunning",
             "fetchPredictOperation"})
    {
        for (const std::string &parent : {models,
                 std::string("/publishers/google/models")})
        {
            EXPECT_EQ(routed("POST", "/v1" + parent + "/m-1@2:" + verb),
                verb + std::string(" m-1@2 v1"));
            EXPECT_EQ(routed("POST", "/v1beta1" + parent + "/m:" + verb),
                verb + std::string(" m v1beta1"));
        }
    }
}

TEST(GeminiVertexRoute, ModelsAreListedAndTold)
{
    EXPECT_EQ(routed("GET", "/v1beta1/publishers/google/models"),
        "models  v1beta1");
    EXPECT_EQ(routed("HEAD", "/v1/publishers/google/models/m"),
        "model m v1");
    EXPECT_EQ(routed("GET", "/v1" + models + "/m/"), "model m v1");
}

TEST(GeminiVertexRoute, TheVersionMayBeMissingOrTheOtherApis)
{
    EXPECT_EQ(routed("POST", models + "/m:predict"), "predict m v1beta1");
    EXPECT_EQ(routed("POST", "/v1beta" + models + "/m:predict"),
        "predict m v1beta1");
}

TEST(GeminiVertexRoute, ThePrefixMayReachIntoThePath)
{
    const std::string path = models + "/m:predict";

    EXPECT_EQ(routed("POST", "/a/b/v1" + path, "/a/b/"), "predict m v1");
    EXPECT_EQ(routed("POST", "/v1" + path, "/v1/"), "predict m v1");
    EXPECT_EQ(routed("POST", "/v1beta1" + path, "/v1beta1/projects/"),
        "predict m v1beta1");
    EXPECT_EQ(routed("POST", "/v1" + path, "/"), "predict m v1");
    EXPECT_EQ(routed("POST", "/v1" + path, "/elsewhere/"), "predict m v1");
    EXPECT_EQ(routed("POST", "/a//v1//" + path, "/a"), "predict m v1");
}

TEST(GeminiVertexRoute, AVersionStandsOnce)
{
    EXPECT_EQ(routed("POST", "/v1/v1" + models + "/m:predict"),
        "POST /v1/v1" + models + "/m:predict has a version twice: the base "
        "URL should end before it.");
}

TEST(GeminiVertexRoute, OtherResourcesAreNotServed)
{
    for (const char *path : {
             "/v1/projects/p/locations/l/cachedContents",
             "/v1/projects/p/locations/l/cachedContents/7",
             "/v1/projects/p/locations/l/endpoints/7:predict",
             "/v1/projects/p/locations/l/operations/7",
             "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict",
             "/v1/projects/p/locations/l/publishers/google/models/m:rawPredict",
             "/v1/projects/p/locations/l/publishers/google/models/m/operations/7",
             "/v1/projects/p/locations/l/publishers/google/models/:predict",
             "/v1/projects/p/locations/l", "/v1/projects/p",
             "/v1/projects/p/publishers/google/models/m:predict",
             "/v1/publishers/google" })
    {
        std::string said = routed("POST", path);
        EXPECT_NE(said.find(" is not served by this gateway: of Vertex AI"),
            std::string::npos) << said;
    }
}

TEST(GeminiVertexRoute, TheGeminiApisPathsAreNot)
{
    for (const char *path : {"/v1beta/models/m:generateContent", "/v1/models",
             "/models/m", "/", "", "/v1", "/v1beta/files", "/chat/completions",
             "/v1/models/projects:predict"})
    {
        EXPECT_EQ(routed("POST", path), "not Vertex'") << path;
    }
}

TEST(GeminiVertexRoute, EachTakesItsMethod)
{
    EXPECT_EQ(routed("GET", "/v1" + models + "/m:predict"),
        "allow POST, OPTIONS");
    EXPECT_EQ(routed("POST", "/v1" + models + "/m"),
        "allow GET, HEAD, OPTIONS");
}

std::string written(Operation operation, std::string_view model,
    std::string_view version)
{
    StringOutput out;
    VertexRoute route{operation, "asked", version};
    write_vertex_path(route, model, {Api::vertex, "ours", "eu"}, out);
    return out.take();
}

TEST(GeminiVertexRoute, WhatIsAskedLiesInThePlaceOfTheCredential)
{
    EXPECT_EQ(written(Operation::predict, "m", "v1"),
        "/v1/projects/ours/locations/eu/publishers/google/models/m:predict");
    EXPECT_EQ(written(Operation::stream_generate_content, "m", "v1beta1"),
        "/v1beta1/projects/ours/locations/eu/publishers/google/models/m"
        ":streamGenerateContent");
}

TEST(GeminiVertexRoute, GooglesModelsLieInNone)
{
    EXPECT_EQ(written(Operation::models, "", "v1beta1"),
        "/v1beta1/publishers/google/models");
    EXPECT_EQ(written(Operation::model, "m", "v1"),
        "/v1/publishers/google/models/m");
}

TEST(GeminiVertexRoute, TheNativeRouteIsTheSame)
{
    auto route = native_route("POST", "/v1" + models + "/m:computeTokens",
        "/");

    ASSERT_TRUE(route);
    EXPECT_EQ(route->operation, Operation::compute_tokens);
    EXPECT_EQ(route->model, "m");
    EXPECT_EQ(route->vertex, "v1");
    EXPECT_EQ(route->method, "POST");
}

TEST(GeminiVertexRoute, AnOperationTellsItsPlace)
{
    Place place = place_of_operation(R"({"operationName":"projects/p-1/)"
        R"(locations/us-central1/publishers/google/models/m/operations/7"})");

    EXPECT_EQ(place.project, "p-1");
    EXPECT_EQ(place.location, "us-central1");

    for (const char *body : {"", "{}", "[]", "{", R"({"operationName":7})",
             R"({"operationName":"operations/7"})",
             R"({"operationName":"projects/p/operations/7"})",
             R"({"operationName":"projects\u002fp"})"})
    {
        EXPECT_TRUE(place_of_operation(body).project.empty()) << body;
    }
}

}
