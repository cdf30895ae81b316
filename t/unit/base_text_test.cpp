// Text helpers, and that no credential gets past scrub().
#include "core/base/text.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace {

using namespace gw;

TEST(BaseText, TrimsAndCompares)
{
    EXPECT_EQ(trim(" \t a b\r\n"), "a b");
    EXPECT_EQ(trim(" \n"), "");
    EXPECT_EQ(trim(""), "");
    EXPECT_TRUE(iequals("Bearer", "bEARER"));
    EXPECT_FALSE(iequals("a", "ab"));
    EXPECT_FALSE(iequals("[", "{"));
    EXPECT_TRUE(starts_with("models/x", "models/"));
    EXPECT_TRUE(starts_with("x", ""));
    EXPECT_FALSE(starts_with("mod", "models/"));
    EXPECT_TRUE(ends_with("a.b", ".b"));
    EXPECT_FALSE(ends_with("b", ".b"));
}

TEST(BaseText, GlobsMatchWhole)
{
    struct Case {
        const char *pattern;
        const char *text;
        bool matches;
    };

    for (const Case &c : {
             Case{"", "", true},
             Case{"", "a", false},
             Case{"*", "", true},
             Case{"*", "anything", true},
             Case{"?", "", false},
             Case{"?", "a", true},
             Case{"a?c", "abc", true},
             Case{"gemini-*", "gemini-2.5-pro", true},
             Case{"gemini-*-pro", "gemini-2.5-pro", true},
             Case{"gemini-*-pro", "gemini-2.5-pro-x", false},
             Case{"*pro", "pro-pro", true},
             Case{"*a*b*", "xxaxxbxx", true},
             Case{"*a*b*", "xxbxxaxx", false},
             Case{"a**b", "ab", true},
             Case{"a.c", "abc", false},
             Case{"*?", "", false},
             Case{"*?", "ab", true},
         })
    {
        EXPECT_EQ(glob_match(c.pattern, c.text), c.matches)
            << c.pattern << " " << c.text;
    }
}

TEST(BaseText, AGlobOfManyStarsIsStillQuick)
{
    std::string pattern;

    for (int i = 0; i < 1000; ++i) {
        pattern += "*a";
    }

    EXPECT_FALSE(glob_match(pattern + "b", std::string(20000, 'a')));
}

TEST(BaseText, MaskShowsNothingOfAShortSecret)
{
    EXPECT_EQ(mask("AIzaSyA0123456789abcdefghijklmnopqrsw3k"),
        "AIza\u2026w3k");
    EXPECT_EQ(mask("0123456789abcdef"), "01\u2026f");
    EXPECT_EQ(mask("01234567890"), "\u2026");
    EXPECT_EQ(mask(""), "\u2026");
}

TEST(BaseText, ComparesSecretsWhole)
{
    EXPECT_TRUE(constant_time_equal("", ""));
    EXPECT_TRUE(constant_time_equal("abc", "abc"));
    EXPECT_FALSE(constant_time_equal("abc", "abd"));
    EXPECT_FALSE(constant_time_equal("abc", "bbc"));
    EXPECT_FALSE(constant_time_equal("abc", "ab"));
}

TEST(BaseText, HashesSpreadAndKeepTheirValue)
{
    std::set<std::uint64_t> low;

    for (int i = 0; i < 1000; ++i) {
        low.insert(hash64("key-" + std::to_string(i)) & 0xffff);
    }

    EXPECT_GT(low.size(), 950u);
    EXPECT_NE(hash64("a"), hash64("a", 1));
    // Records in shared memory and in Redis are found again by it.
    EXPECT_EQ(hash64(""), UINT64_C(0xefd01f60ba992926));
}

TEST(BaseText, ScrubTakesCredentialsOut)
{
    const std::string key = "AIzaSyA-123456789_abcdefghijklmnopqrstu";

    struct Case {
        std::string text;
        std::string scrubbed;
    };

    for (const Case &c : {
             Case{"nothing here", "nothing here"},
             Case{"Consumer 'api_key:" + key + "' has been suspended.",
                 "Consumer 'api_key:[redacted]' has been suspended."},
             Case{key, "[redacted]"},
             Case{key.substr(0, 10), key.substr(0, 10)},
             Case{"AQ.Ab8RN6Kabcdefghijklmno_-pq, and", "[redacted], and"},
             Case{"FAQ.html", "FAQ.html"},
             Case{"ya29.a0Af_x-y.z end", "[redacted] end"},
             Case{"GET https://h/v1?key=short&alt=sse HTTP",
                 "GET https://h/v1?key=[redacted]&alt=sse HTTP"},
             Case{"\"https://h/?access_token=a.b\"",
                 "\"https://h/?access_token=[redacted]\""},
             Case{"u=http%3A%2F%2Fh%3FKEY%3Dabc", "u=http%3A%2F%2Fh%3FKEY%3D"
                                                  "[redacted]"},
             Case{"the key= is empty", "the key= is empty"},
             Case{"Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e30.x/y+z==;",
                 "Authorization: Bearer [redacted];"},
             Case{"bearer  abcd1234", "bearer  [redacted]"},
             Case{"Bearer token is missing", "Bearer token is missing"},
             Case{"AIza\x01SyA-123456789_abcdefghijkl", "[redacted]"},
             Case{"AIza\xc2\x85SyA-123456789_abcdefghijkl", "[redacted]"},
         })
    {
        EXPECT_EQ(scrub(c.text), c.scrubbed);
        EXPECT_EQ(scrub(c.scrubbed), c.scrubbed);
    }
}

TEST(BaseText, ScrubReplacesTheSecretItIsTold)
{
    EXPECT_EQ(scrub("a hunter2 b hunter2", "hunter2"),
        "a [redacted] b [redacted]");
    EXPECT_EQ(scrub("hunter", "hunter2"), "hunter");
}

TEST(BaseText, ScrubGivesOneLineOfText)
{
    EXPECT_EQ(scrub("a\r\n* b\tc\x1b[31m\x7f"), "a * b c[31m");
    EXPECT_EQ(scrub("a\xff" "b\xe2\x82"),
        "a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(scrub("\xe4\xbd\xa0"), "\xe4\xbd\xa0");
}

TEST(BaseText, ScrubCutsBetweenCharacters)
{
    const std::string text = "ab\xe2\x82\xac" "cd";

    EXPECT_EQ(scrub(text, {}, 7), text);
    EXPECT_EQ(scrub(text, {}, 6), "ab\xe2\x82\xac" "c");
    EXPECT_EQ(scrub(text, {}, 5), "ab\xe2\x82\xac");
    EXPECT_EQ(scrub(text, {}, 4), "ab");
    EXPECT_EQ(scrub(text, {}, 3), "ab");
    EXPECT_EQ(scrub(text, {}, 0), "");
    EXPECT_EQ(scrub(std::string(100000, 'x')).size(), 2048u);
    // A credential at the edge is not cut into something unrecognisable.
    EXPECT_EQ(scrub("ab AIza" + std::string(35, 'x'), {}, 20),
        "ab [redacted]");
}

TEST(BaseText, Utf8IsTakenByTheLetter)
{
    for (const char *good : {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf",
             "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
             "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    {
        for (std::string before : {"", "1234567", "12345678901"}) {
            EXPECT_TRUE(valid_utf8(before + good + "12345678")) << good;
        }
    }

    for (const char *bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2",
             "\xc2x", "\xe0\x9f\xbf", "\xe2\x82", "\xe2\x82x", "\xed\xa0\x80",
             "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80",
             "\xf5\x80\x80\x80", "\xff"})
    {
        for (std::string before : {"", "1234567", "12345678901"}) {
            EXPECT_FALSE(valid_utf8(before + bad)) << bad;
            EXPECT_FALSE(valid_utf8(before + bad + "12345678")) << bad;
        }

        EXPECT_EQ(utf8_sequence(bad), 0u);
    }
}

}
