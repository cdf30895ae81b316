#include "core/admin/origin.hpp"

#include <gtest/gtest.h>

namespace {

using namespace gw::admin;

TEST(AdminOrigin, PagesOfOtherSitesAreTold)
{
    struct Case {
        Caller caller;
        bool cross;
    };

    for (const Case &c : {
             Case{{"", "", "a.example"}, false},
             Case{{"same-origin", "", "a.example"}, false},
             Case{{"none", "", "a.example"}, false},
             Case{{"same-site", "", "a.example"}, true},
             Case{{"cross-site", "http://a.example", "a.example"}, true},
             Case{{"", "http://a.example", "a.example"}, false},
             Case{{"", "https://A.example", "a.EXAMPLE"}, false},
             Case{{"", "http://a.example:8080", "a.example:8080"}, false},
             Case{{"", "https://a.example", "a.example:443"}, false},
             Case{{"", "http://a.example:80", "a.example"}, false},
             Case{{"", "http://[::1]:8080", "[::1]:8080"}, false},
             Case{{"", "http://a.example:8081", "a.example:8080"}, true},
             Case{{"", "http://b.example", "a.example"}, true},
             Case{{"", "http://a.example.evil", "a.example"}, true},
             Case{{"", "null", "a.example"}, true},
             Case{{"", "null", "null"}, true},
             Case{{"", "http://", ""}, true},
             Case{{"same-origin", "http://b.example", "a.example"}, true} })
    {
        EXPECT_EQ(cross_site(c.caller), c.cross)
            << c.caller.sec_fetch_site << ' ' << c.caller.origin << ' '
            << c.caller.host;
    }
}

TEST(AdminOrigin, TypesAreToldWithTheirParameters)
{
    EXPECT_TRUE(is_json("application/json"));
    EXPECT_TRUE(is_json("Application/JSON ; charset=utf-8"));
    EXPECT_FALSE(is_json("text/plain"));
    EXPECT_FALSE(is_json("application/jsonp"));
    EXPECT_FALSE(is_json(""));
    EXPECT_TRUE(is_form("application/x-www-form-urlencoded"));
    EXPECT_TRUE(is_form("multipart/form-data; boundary=x"));
    EXPECT_FALSE(is_form("text/plain"));
    EXPECT_FALSE(is_form(""));
}

}
