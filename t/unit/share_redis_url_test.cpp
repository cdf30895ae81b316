#include "core/share/redis_url.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace gw::share;

struct Case {
    const char *url;
    const char *shown;
    const char *user;
    const char *password;
};

TEST(ShareRedisUrl, ReadsEveryFormAndShowsItWithoutItsSecrets)
{
    for (const Case &c : {
             Case{"redis://127.0.0.1", "redis://127.0.0.1:6379/0", "", ""},
             Case{"redis://cache.example.com:6380/15",
                 "redis://cache.example.com:6380/15", "", ""},
             Case{"redis://localhost/", "redis://localhost:6379/0", "", ""},
             Case{"redis://:s%40c%3Aret%2f@h:1", "redis://h:1/0", "",
                 "s@c:ret/"},
             Case{"redis://joe:pa@ss:word@h", "redis://h:6379/0", "joe",
                 "pa@ss:word"},
             Case{"rediss://joe:p@[::1]:6381/3", "rediss://[::1]:6381/3",
                 "joe", "p"},
             Case{"redis://[2001:db8::7]", "redis://[2001:db8::7]:6379/0", "",
                 ""},
             Case{"unix:/run/redis.sock", "unix:/run/redis.sock", "", ""},
             Case{"unix:///run/redis.sock", "unix:/run/redis.sock", "", ""},
             Case{"unix:///%2frun", "unix:/run", "", ""},
             Case{"unix:/run/a%3fb?db=2&password=p%26q",
                 "unix:/run/a%3Fb?db=2", "", "p&q"},
             Case{"unix:/s?user=joe&password=p", "unix:/s", "joe", "p"},
             Case{"redis+sentinel://a,b:5,[::1]:6/my.master-1",
                 "redis+sentinel://a:26379,b:5,[::1]:6/my.master-1/0", "",
                 ""},
             Case{"redis+sentinel://joe:p@a:1/m/4",
                 "redis+sentinel://a:1/m/4", "joe", "p"} })
    {
        auto url = parse_redis_url(c.url);
        ASSERT_TRUE(url) << c.url << ": " << url.error().message;
        EXPECT_EQ(shown(url.value()), c.shown);
        EXPECT_EQ(url->user, c.user) << c.url;
        EXPECT_EQ(url->password, c.password) << c.url;

        auto again = parse_redis_url(shown(url.value()));
        ASSERT_TRUE(again);
        EXPECT_EQ(shown(again.value()), c.shown);
    }
}

TEST(ShareRedisUrl, TellsTheSchemesApart)
{
    EXPECT_FALSE(parse_redis_url("redis://h")->tls);
    EXPECT_TRUE(parse_redis_url("rediss://h")->tls);
    EXPECT_EQ(parse_redis_url("redis://h")->master, "");
    EXPECT_EQ(parse_redis_url("unix:/s")->unix_path, "/s");
    EXPECT_TRUE(parse_redis_url("unix:/s")->addresses.empty());

    auto url = parse_redis_url("redis+sentinel://a,b/m");
    EXPECT_EQ(url->master, "m");
    ASSERT_EQ(url->addresses.size(), 2u);
    EXPECT_EQ(url->addresses[1].host, "b");
    EXPECT_EQ(url->addresses[1].port, 26379);
    EXPECT_EQ(parse_redis_url("redis://[::1]")->addresses[0].host, "::1");
}

TEST(ShareRedisUrl, SaysWhatIsWrongAndNeverThePassword)
{
    struct Wrong {
        const char *url;
        const char *says;
    };

    for (const Wrong &c : {
             Wrong{"", "begins with none of"},
             Wrong{"127.0.0.1:6379", "begins with none of"},
             Wrong{"http://h", "begins with none of"},
             Wrong{"redis://", "no host"},
             Wrong{"redis:///1", "no host"},
             Wrong{"redis://:hunter2@", "no host"},
             Wrong{"redis://:hunter2@h:0", "port"},
             Wrong{"redis://:hunter2@h:65536", "port"},
             Wrong{"redis://:hunter2@h:x", "port"},
             Wrong{"redis://:hunter2/x@h", "no host"},
             Wrong{"redis://h:hunter2", "port"},
             Wrong{"redis://joe@h", "password"},
             Wrong{"redis://joe:@h", "password"},
             Wrong{"redis://:hunter2%@h", "invalid \"%\""},
             Wrong{"redis://:hunter2%zz@h", "invalid \"%\""},
             Wrong{"redis://:hunter2%00@h", "invalid \"%\""},
             Wrong{"redis://::1", "brackets"},
             Wrong{"redis://[hunter2]", "brackets"},
             Wrong{"redis://[::1", "brackets"},
             Wrong{"redis://[::1]x", "port"},
             Wrong{"redis://h,i", "invalid host"},
             Wrong{"redis://h i", "invalid host"},
             Wrong{"redis://h/x", "database"},
             Wrong{"redis://h/-1", "database"},
             Wrong{"redis://h/1/2", "database"},
             Wrong{"redis://h/1000001", "database"},
             Wrong{"redis://:hunter2@h?db=1", "parameters"},
             Wrong{"redis://:hun#ter2@h", "parameters"},
             Wrong{"unix:", "path"},
             Wrong{"unix:run/redis.sock", "path"},
             Wrong{"unix://run/redis.sock", "path"},
             Wrong{"unix:/run?db=x", "database"},
             Wrong{"unix:/run?passwd=hunter2", "parameter"},
             Wrong{"unix:/run?password=", "password"},
             Wrong{"unix:/run?user=joe", "password"},
             Wrong{"redis+sentinel://a", "master"},
             Wrong{"redis+sentinel://a/", "master"},
             Wrong{"redis+sentinel://a/m m", "master"},
             Wrong{"redis+sentinel://a,/m", "host"},
             Wrong{"redis+sentinel://a/m/x", "database"} })
    {
        auto url = parse_redis_url(c.url);
        ASSERT_FALSE(url) << c.url;

        const std::string &message = url.error().message;
        EXPECT_NE(message.find(c.says), message.npos)
            << c.url << ": " << message;
        EXPECT_EQ(message.find("hunter2"), message.npos) << message;
    }

    EXPECT_FALSE(parse_redis_url("unix:/" + std::string(107, 'a')));
    EXPECT_FALSE(parse_redis_url("redis://:" + std::string(5000, 'a')
        + "@h"));
}

TEST(ShareRedisUrl, FollowsRedirects)
{
    struct Redirect {
        const char *error;
        const char *host;
        std::uint16_t port;
    };

    for (const Redirect &c : {
             Redirect{"MOVED 3999 127.0.0.1:6381", "127.0.0.1", 6381},
             Redirect{"MOVED 0 [::1]:6381", "::1", 6381},
             Redirect{"MOVED 16383 ::1:6381", "::1", 6381},
             Redirect{"MOVED 5 redis-3.example.com:1", "redis-3.example.com",
                 1},
             Redirect{"MOVED 5 :6381", "", 6381} })
    {
        RedisAddress address;
        ASSERT_TRUE(parse_moved(c.error, address)) << c.error;
        EXPECT_EQ(address.host, c.host);
        EXPECT_EQ(address.port, c.port);
    }

    for (const char *error : {
             "", "MOVED", "MOVED 3999", "MOVED 3999 ", "MOVED 3999 h",
             "MOVED 16384 h:1", "MOVED x h:1", "MOVED 1 h:", "MOVED 1 h:0",
             "MOVED 1 ?:6381", "MOVED 1 a b:1", "MOVED 1 []:1",
             "ASK 3999 127.0.0.1:6381", "ERR MOVED 1 h:1" })
    {
        RedisAddress address;
        EXPECT_FALSE(parse_moved(error, address)) << error;
    }
}

}
