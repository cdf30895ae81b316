// Strings decoded, numbers understood.
#include "core/json/value.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory_resource>

namespace {

using namespace gw;

TEST(JsonString, DecodesEveryEscape)
{
    struct Case {
        const char *raw;
        std::string_view decoded;
    };

    for (const Case &c : {
             Case{R"(\"\\\/\b\f\n\r\t)", "\"\\/\b\f\n\r\t"},
             Case{R"(a\u0041b)", "aAb"},
             Case{R"(\u00e9\u00E9)", "\xc3\xa9\xc3\xa9"},
             Case{R"(\u20ac)", "\xe2\x82\xac"},
             Case{R"(\ud83d\ude00)", "\xf0\x9f\x98\x80"},
             Case{R"(\uDBFF\uDFFF)", "\xf4\x8f\xbf\xbf"},
             Case{R"(x\u0000y)", std::string_view("x\0y", 3)},
             Case{R"(\ud83d)", "\xef\xbf\xbd"},
             Case{R"(\ude00)", "\xef\xbf\xbd"},
             Case{R"(\ud83dx)", "\xef\xbf\xbdx"},
             Case{R"(\ud83d\n)", "\xef\xbf\xbd\n"},
             Case{R"(\ud83d\u0041)", "\xef\xbf\xbd" "A"},
             Case{R"(\ud83d\ud83d\ude00)", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
             Case{R"(\ude00\ud83d)", "\xef\xbf\xbd\xef\xbf\xbd"},
         })
    {
        Arena arena(std::pmr::new_delete_resource());
        EXPECT_EQ(json::String(c.raw, true).decode(arena), c.decoded)
            << c.raw;
    }
}

TEST(JsonString, PlainIsItsOwnDecodedForm)
{
    Arena arena(std::pmr::new_delete_resource());
    json::String plain("text");

    EXPECT_EQ(plain.decode(arena).data(), plain.raw.data());
    EXPECT_EQ(arena.held(), 0u);
    EXPECT_TRUE(plain.is("text"));
    EXPECT_FALSE(plain.is("tex"));
    EXPECT_FALSE(json::String("text", true).is("text"));
}

TEST(JsonNumber, KnowsIntegersInEveryNotation)
{
    struct Case {
        const char *text;
        bool is_integer;
        std::optional<std::int64_t> integer;
    };

    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    constexpr auto most = std::numeric_limits<std::int64_t>::max();

    for (const Case &c : {
             Case{"0", true, 0},
             Case{"-0", true, 0},
             Case{"0.000", true, 0},
             Case{"0e999999999999999999999", true, 0},
             Case{"7", true, 7},
             Case{"-7", true, -7},
             Case{"5.0", true, 5},
             Case{"1e2", true, 100},
             Case{"1E+2", true, 100},
             Case{"1.5e1", true, 15},
             Case{"100e-2", true, 1},
             Case{"100200.00e-2", true, 1002},
             Case{"10e-2", false, std::nullopt},
             Case{"1.5", false, std::nullopt},
             Case{"-0.1", false, std::nullopt},
             Case{"1e-999999999999999999999", false, std::nullopt},
             Case{"9223372036854775807", true, most},
             Case{"9223372036854775808", true, std::nullopt},
             Case{"-9223372036854775808", true, least},
             Case{"-9223372036854775809", true, std::nullopt},
             Case{"9223372036854775807.0", true, most},
             Case{"922337203685477580.7e1", true, most},
             Case{"1000000000000000000", true, 1000000000000000000},
             Case{"1e18", true, 1000000000000000000},
             Case{"1e19", true, std::nullopt},
             Case{"10000000000000000000000", true, std::nullopt},
             Case{"1e400", true, std::nullopt},
             Case{"100000000000000000000e-20", true, 1},
             Case{"1000000000000000000001e-21", false, std::nullopt},
             Case{"", false, std::nullopt},
             Case{"-", false, std::nullopt},
             Case{"abc", false, std::nullopt},
             Case{"1x", false, std::nullopt},
             Case{"1e", false, std::nullopt},
         })
    {
        json::Number number{c.text};
        EXPECT_EQ(number.is_integer(), c.is_integer) << c.text;
        EXPECT_EQ(number.integer(), c.integer) << c.text;
    }
}

TEST(JsonNumber, IsRealWithoutALocale)
{
    EXPECT_DOUBLE_EQ(json::Number{"0.7"}.real(), 0.7);
    EXPECT_DOUBLE_EQ(json::Number{"-1.5e3"}.real(), -1500);
    EXPECT_EQ(json::Number{"1e400"}.real(), HUGE_VAL);
    EXPECT_EQ(json::Number{"-1e400"}.real(), -HUGE_VAL);
    EXPECT_EQ(json::Number{"1e-400"}.real(), 0.0);
}

}
