#include "core/base/timestamp.hpp"

#include <gtest/gtest.h>

namespace {

using gw::parse_timestamp;

TEST(BaseTimestamp, ReadsWhatGoogleWrites)
{
    EXPECT_EQ(parse_timestamp("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(parse_timestamp("2026-01-15T20:00:00Z"), 1768507200000);
    EXPECT_EQ(parse_timestamp("2026-01-15T20:00:00.123456Z"), 1768507200123);
    EXPECT_EQ(parse_timestamp("2026-01-15T20:00:00.1Z"), 1768507200100);
    EXPECT_EQ(parse_timestamp("2026-01-15T22:30:00+02:30"), 1768507200000);
    EXPECT_EQ(parse_timestamp("2026-01-15T12:00:00-08:00"), 1768507200000);
    EXPECT_EQ(parse_timestamp("2024-02-29T00:00:00Z"), 1709164800000);
}

TEST(BaseTimestamp, RefusesWhatIsNone)
{
    for (const char *text : {"", "2026-01-15", "2026-01-15T20:00:00",
             "2026-13-15T20:00:00Z", "2026-02-29T20:00:00Z",
             "2026-01-15T24:00:00Z", "2026-01-15T20:60:00Z",
             "2026-01-15 20:00:00Z", "2026-01-15T20:00:00.Z",
             "2026-01-15T20:00:00.1234567890Z", "2026-01-15T20:00:00+0200",
             "2026-01-15T20:00:00Zx", "1969-12-31T00:00:00Z",
             "2026-01-00T00:00:00Z"})
    {
        EXPECT_FALSE(parse_timestamp(text)) << text;
    }
}

}
