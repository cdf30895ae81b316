#include "core/admin/route.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace gw;
using admin::Action;

TEST(AdminRoute, MethodAndPathMeanAnAction)
{
    struct Case {
        const char *method;
        const char *uri;
        Action action;
        const char *id;
    };

    for (const Case &c : {
             Case{"GET", "/gemini/", Action::index, ""},
             Case{"HEAD", "/gemini/", Action::index, ""},
             Case{"GET", "/gemini/api/status", Action::status, ""},
             Case{"HEAD", "/gemini/api/status/", Action::status, ""},
             Case{"POST", "/gemini/api/keys", Action::add_key, ""},
             Case{"POST", "/gemini/api/keys/import", Action::import_keys, ""},
             Case{"PATCH", "/gemini/api/keys/import", Action::change_key,
                 "import"},
             Case{"PATCH", "/gemini/api/keys/AIza…rst", Action::change_key,
                 "AIza…rst"},
             Case{"DELETE", "/gemini/api/keys/team a", Action::remove_key,
                 "team a"},
             Case{"POST", "/gemini//api/keys/x/reset", Action::reset_key,
                 "x"},
             Case{"POST", "/gemini/api/keys/x/check", Action::check_key, "x"},
             Case{"POST", "/gemini/api/check/", Action::check_keys, ""},
             Case{"GET", "/gemini/api/events", Action::events, ""},
             Case{"GET", "/gemini/metrics", Action::metrics, ""},
             Case{"GET", "/api/status", Action::status, ""} })
    {
        auto route = admin::route(c.method, c.uri, "/gemini/");
        ASSERT_TRUE(route) << c.method << ' ' << c.uri;
        EXPECT_EQ(route->action, c.action) << c.uri;
        EXPECT_EQ(route->id, c.id) << c.uri;
    }
}

TEST(AdminRoute, WhatThereIsNotIsUnknown)
{
    for (const char *uri : { "/g/x", "/g/api", "/g/api/keys/a/b",
             "/g/api/keys/a/reset/b", "/g/api/keys/a/check/b",
             "/g/api/check/a", "/g/metrics/x", "/g/ID" })
    {
        auto route = admin::route("POST", uri, "/g/");
        ASSERT_FALSE(route) << uri;
        EXPECT_EQ(route.error().kind, ErrorKind::unknown_url) << uri;
    }
}

TEST(AdminRoute, AWrongMethodIsToldTheRightOnes)
{
    struct Case {
        const char *method;
        const char *uri;
        const char *allow;
    };

    for (const Case &c : {
             Case{"POST", "/g/", "GET, HEAD"},
             Case{"GET", "/g/api/keys", "POST"},
             Case{"GET", "/g/api/keys/x", "PATCH, DELETE"},
             Case{"GET", "/g/api/keys/import", "POST, PATCH, DELETE"},
             Case{"OPTIONS", "/g/api/status", "GET, HEAD"} })
    {
        auto route = admin::route(c.method, c.uri, "/g/");
        ASSERT_FALSE(route) << c.uri;
        EXPECT_EQ(route.error().kind, ErrorKind::method_not_allowed) << c.uri;
        EXPECT_EQ(route.error().param, c.allow) << c.uri;
    }
}

TEST(AdminRoute, AnErrorHoldsNoKeyFromThePath)
{
    std::string key = "AIzaSyA-0123456789abcdefghijklmnopqrstu";
    auto route = admin::route("GET", "/g/api/keys/" + key, "/g/");
    ASSERT_FALSE(route);
    EXPECT_EQ(route.error().message.find(key), std::string::npos);
}

TEST(AdminRoute, TheIndexListsEveryEndpoint)
{
    StringOutput out;
    admin::write_index("main", "1.0", out);
    EXPECT_EQ(out.view().find(R"({"pool":"main","version":"1.0",)"
        R"("endpoints":[{"method":"GET","path":"",)"), 0u);
    EXPECT_NE(out.view().find(R"("path":"api/keys/ID/reset")"),
        std::string_view::npos);
}

}
