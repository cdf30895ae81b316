// Delays in every notation upstream has, and Google's day.
#include "core/base/duration.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <limits>

namespace {

using namespace gw;

using Milliseconds = std::optional<std::int64_t>;

struct Case {
    const char *text;
    Milliseconds ms;
};

TEST(Duration, ReadsProtobufDurationsRoundedUp)
{
    for (const Case &c : {
             Case{"0s", 0},
             Case{"7s", 7000},
             Case{"3.5s", 3500},
             Case{"45.837906927s", 45838},
             Case{"21599.960323804s", 21599961},
             Case{"0.000000001s", 1},
             Case{"0.001000000s", 1},
             Case{"315576000000s", INT64_C(315576000000000)},
             Case{"315576000001s", {}},
             Case{"99999999999999999999s", {}},
             Case{"-1s", {}},
             Case{"", {}},
             Case{"s", {}},
             Case{"3", {}},
             Case{"3.s", {}},
             Case{".5s", {}},
             Case{"1.0000000001s", {}},
             Case{"3s ", {}},
             Case{"3ms", {}},
         })
    {
        EXPECT_EQ(parse_duration(c.text), c.ms) << c.text;
    }
}

TEST(Duration, ReadsGoDurationsRoundedUp)
{
    for (const Case &c : {
             Case{"0", 0},
             Case{"10h17m5.723541104s", 37025724},
             Case{"373.801628ms", 374},
             Case{"5h59m59s", 21599000},
             Case{"1m", 60000},
             Case{"1.5h", 5400000},
             Case{".5s", 500},
             Case{"1.s", 1000},
             Case{"1ns", 1},
             Case{"1500us", 2},
             Case{"1500\xc2\xb5s", 2},
             Case{"1500\xce\xbcs", 2},
             Case{"0.00000000000000000001s", 1},
             Case{"2540400h10m10.000000000s", INT64_C(9145440610000)},
             Case{"9223372036854775807ns", INT64_C(9223372036855)},
             Case{"9223372036854775808ns", {}},
             Case{"2562048h", {}},
             Case{"", {}},
             Case{"5", {}},
             Case{".s", {}},
             Case{"-5s", {}},
             Case{"5d", {}},
             Case{"5s3", {}},
             Case{"5 s", {}},
         })
    {
        EXPECT_EQ(parse_go_duration(c.text), c.ms) << c.text;
    }
}

TEST(Duration, FindsTheDelayInProse)
{
    for (const Case &c : {
             Case{"Please retry in 45.57s.", 45570},
             Case{"You exceeded it.\nPlease retry in 10h17m5.723541104s.",
                 37025724},
             Case{"Your quota will reset after 5h59m59s.", 21599000},
             Case{"You can retry in a moment, or retry in 2s", 2000},
             Case{"Please retry in 373.801628ms...", 374},
             Case{"Please retry later.", {}},
             Case{"Please retry in ", {}},
             Case{"It took 5s.", {}},
             Case{"", {}},
         })
    {
        EXPECT_EQ(delay_in_prose(c.text), c.ms) << c.text;
    }
}

TEST(Duration, ReadsAnHttpDateAsAMoment)
{
    constexpr std::int64_t date = INT64_C(784111777000);

    for (const Case &c : {
             Case{"Sun, 06 Nov 1994 08:49:37 GMT", date},
             Case{" Sunday, 06-Nov-94 08:49:37 GMT ", date},
             Case{"Sun Nov  6 08:49:37 1994", date},
             Case{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
             Case{"120", {}},
             Case{"", {}},
         })
    {
        EXPECT_EQ(parse_http_date(c.text, date), c.ms) << c.text;
    }
}

TEST(Duration, ReadsRetryAfterInAllItsForms)
{
    // Sun, 06 Nov 1994 08:49:37 GMT
    constexpr std::int64_t date = INT64_C(784111777000);

    for (const Case &c : {
             Case{"120", 120000},
             Case{" 0 ", 0},
             Case{"99999999999999999999", INT64_C(315576000000000)},
             Case{"Sun, 06 Nov 1994 08:49:37 GMT", 10500},
             Case{"Sunday, 06-Nov-94 08:49:37 GMT", 10500},
             Case{"Sun Nov  6 08:49:37 1994", 10500},
             Case{"Sun, 06 Nov 1994 08:49:20 GMT", 0},
             Case{"Tue, 31 Dec 1901 00:00:00 GMT", 0},
             Case{"Sun Nov 16 08:49:37 1994", 864010500},
             Case{"Sun, 06 Nov 1994 08:49:37", {}},
             Case{"Sun, 6 Nov 1994 08:49:37 GMT", {}},
             Case{"Sun, 06 Foo 1994 08:49:37 GMT", {}},
             Case{"Sun, 06 Nov 1994 24:49:37 GMT", {}},
             Case{"Sun, 00 Nov 1994 08:49:37 GMT", {}},
             Case{"-1", {}},
             Case{"1.5", {}},
             Case{"soon", {}},
             Case{"", {}},
         })
    {
        EXPECT_EQ(parse_retry_after(c.text, date - 10500), c.ms) << c.text;
    }

    // A year of two digits: at most 50 years ahead of 2026.
    constexpr std::int64_t now = INT64_C(1767225600000);
    EXPECT_GT(parse_retry_after("x, 01-Jan-76 00:00:00 GMT", now), 0);
    EXPECT_EQ(parse_retry_after("x, 01-Jan-77 00:00:00 GMT", now), 0);
}

std::int64_t utc(int year, int month, int day, int hour, int minute = 0,
    int second = 0)
{
    std::tm tm{};
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = day;
    tm.tm_hour = hour;
    tm.tm_min = minute;
    tm.tm_sec = second;
    return static_cast<std::int64_t>(timegm(&tm)) * 1000;
}

TEST(PacificDay, EndsAtMidnightInWinterAndSummer)
{
    struct Day {
        std::int64_t now;
        std::int64_t midnight;
    };

    for (const Day &d : {
             Day{utc(2026, 1, 15, 12), utc(2026, 1, 16, 8)},
             Day{utc(2026, 1, 15, 7, 59, 59), utc(2026, 1, 15, 8)},
             Day{utc(2026, 1, 15, 8), utc(2026, 1, 16, 8)},
             Day{utc(2026, 7, 1, 6, 59, 59), utc(2026, 7, 1, 7)},
             Day{utc(2026, 7, 1, 7), utc(2026, 7, 2, 7)},
             // Spring: 8 March 2026 has 23 hours.
             Day{utc(2026, 3, 8, 7, 59), utc(2026, 3, 8, 8)},
             Day{utc(2026, 3, 8, 8), utc(2026, 3, 9, 7)},
             Day{utc(2026, 3, 8, 9, 59, 59), utc(2026, 3, 9, 7)},
             Day{utc(2026, 3, 8, 10), utc(2026, 3, 9, 7)},
             // Autumn: 1 November 2026 has 25.
             Day{utc(2026, 11, 1, 6, 59), utc(2026, 11, 1, 7)},
             Day{utc(2026, 11, 1, 7), utc(2026, 11, 2, 8)},
             Day{utc(2026, 11, 1, 8, 59, 59), utc(2026, 11, 2, 8)},
             Day{utc(2026, 11, 1, 9), utc(2026, 11, 2, 8)},
             // Over New Year and a leap day.
             Day{utc(2027, 12, 31, 20), utc(2028, 1, 1, 8)},
             Day{utc(2028, 2, 28, 20), utc(2028, 2, 29, 8)},
         })
    {
        EXPECT_EQ(next_pacific_midnight(d.now), d.midnight) << d.now;
        EXPECT_EQ(pacific_day(d.midnight - 1), pacific_day(d.now));
        EXPECT_EQ(pacific_day(d.midnight), pacific_day(d.now) + 1);
    }
}

TEST(PacificDay, CountsFromTheEpoch)
{
    EXPECT_EQ(pacific_day(utc(1970, 1, 1, 8)), 0);
    EXPECT_EQ(pacific_day(utc(1970, 1, 1, 7)), -1);
    EXPECT_EQ(pacific_day(utc(1970, 1, 2, 8)), 1);
}

TEST(PacificDay, IsWhatTheSystemKnowsOfLosAngeles)
{
    const char *before = getenv("TZ");
    std::string saved = before == nullptr ? "" : before;

    // POSIX form of the rule, so that no tzdata is needed here either.
    setenv("TZ", "PST8PDT,M3.2.0,M11.1.0", 1);
    tzset();

    for (std::int64_t now = utc(2024, 1, 1, 0, 17); now < utc(2029, 1, 1, 0);
         now += 3600 * 1000)
    {
        std::int64_t midnight = next_pacific_midnight(now);
        std::time_t seconds = midnight / 1000;
        std::tm local{};
        localtime_r(&seconds, &local);

        ASSERT_EQ(local.tm_hour, 0) << now;
        ASSERT_EQ(local.tm_min, 0) << now;
        ASSERT_GT(midnight, now);
        ASSERT_LE(midnight - now, 25 * 3600 * 1000) << now;
    }

    if (before == nullptr) {
        unsetenv("TZ");
    } else {
        setenv("TZ", saved.c_str(), 1);
    }

    tzset();
}

}
