#include "core/gemini/vertex_path.hpp"

#include <gtest/gtest.h>


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

TEST(GeminiVertexPath, AModelLiesInAPlace)
{
    gw::StringOutput out;
    write_vertex_model("v1", {Api::vertex, "p", "eu"}, "m", out);
    EXPECT_EQ(out.view(),
        "/v1/projects/p/locations/eu/publishers/google/models/m");
}

}
