#include "core/gemini/vertex_path.hpp"

#include <gtest/gtest.h>

#include <string>


namespace {

using namespace gw::gemini;

TEST(GeminiVertexPath, EachLocationHasItsHost)
{
    EXPECT_EQ(vertex_url("us-central1"),
        "https://us-central1-aiplatform.googleapis.com");
    EXPECT_EQ(vertex_url("global"), "https://aiplatform.googleapis.com");
    EXPECT_EQ(vertex_url("us"), "https://aiplatform.us.rep.googleapis.com");
    EXPECT_EQ(vertex_url("eu"), "https://aiplatform.eu.rep.googleapis.com");
}

TEST(GeminiVertexPath, ALocationIsALabelOfAHost)
{
    for (const char *good : {"global", "us-central1", "eu", "a", "9"}) {
        EXPECT_TRUE(valid_location(good)) << good;
    }

    for (const char *bad : {"", "-a", "a-", "A", "a.b", "a/b", "a b", "a_b",
             "a\r\n", "a:1", "a@b"})
    {
        EXPECT_FALSE(valid_location(bad)) << bad;
    }

    EXPECT_TRUE(valid_location(std::string(63, 'a')));
    EXPECT_FALSE(valid_location(std::string(64, 'a')));
}

TEST(GeminiVertexPath, AProjectIsASegmentOfAPath)
{
    for (const char *good : {"my-project", "123456789012",
             "example.com:my-project", "a1"})
    {
        EXPECT_TRUE(valid_cloud_project(good)) << good;
    }

    for (const char *bad : {"", "A", "a/b", "..", "a..b", "a b", "a?b", "-a",
             "a%2f", "a#", "a\n"})
    {
        EXPECT_FALSE(valid_cloud_project(bad)) << bad;
    }

    EXPECT_FALSE(valid_cloud_project(std::string(129, 'a')));
}

TEST(GeminiVertexPath, AModelLiesInAPlace)
{
    gw::StringOutput out;
    write_vertex_model("v1", {Api::vertex, "p", "eu"}, "m", out);
    EXPECT_EQ(out.view(),
        "/v1/projects/p/locations/eu/publishers/google/models/m");
}

}
