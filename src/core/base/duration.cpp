// Delays and days. Everything is counted in integers: a delay that is rounded
// down wakes a credential before Google does.
#include "core/base/duration.hpp"

#include "core/base/text.hpp"

#include <array>
#include <limits>

namespace gw {

namespace {

constexpr std::int64_t ms_per_second = 1000;
constexpr std::int64_t ms_per_hour = 3600 * ms_per_second;
constexpr std::int64_t ms_per_day = 24 * ms_per_hour;
constexpr std::int64_t ns_per_ms = 1000 * 1000;
constexpr std::int64_t ns_per_second = 1000 * ns_per_ms;

// The largest google.protobuf.Duration: 10,000 years.
constexpr std::int64_t max_seconds = INT64_C(315576000000);

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

std::optional<std::int64_t> take_integer(std::string_view &text,
    std::int64_t most)
{
    if (text.empty() || !is_digit(text[0])) {
        return std::nullopt;
    }

    std::int64_t value = 0;

    while (!text.empty() && is_digit(text[0])) {
        if (value > (most - (text[0] - '0')) / 10) {
            return std::nullopt;
        }

        value = value * 10 + (text[0] - '0');
        text.remove_prefix(1);
    }

    return value;
}

// The digits behind a point as billionths, what is smaller rounded up.
std::int64_t take_billionths(std::string_view &text)
{
    std::int64_t value = 0;
    int digits = 0;
    bool more = false;

    for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1)) {
        if (digits < 9) {
            value = value * 10 + (text[0] - '0');
            ++digits;

        } else if (text[0] != '0') {
            more = true;
        }
    }

    for (; digits < 9; ++digits) {
        value *= 10;
    }

    return value + more;
}

bool take(std::string_view &text, std::string_view prefix)
{
    if (!starts_with(text, prefix)) {
        return false;
    }

    text.remove_prefix(prefix.size());
    return true;
}

std::int64_t divide_up(std::int64_t value, std::int64_t by)
{
    return value / by + (value % by != 0);
}

constexpr std::int64_t divide_down(std::int64_t value, std::int64_t by)
{
    return value / by - (value % by < 0);
}

struct Unit {
    std::string_view name;
    std::int64_t ns;
};

// "ms" before "m" and "s": the longer name has to be tried first. Go writes
// the micro sign and reads the Greek letter as well.
constexpr std::array<Unit, 8> units = {{
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000},
    {"\xce\xbcs", 1000},
    {"ms", ns_per_ms},
    {"s", ns_per_second},
    {"m", 60 * ns_per_second},
    {"h", 3600 * ns_per_second},
}};

std::int64_t take_unit(std::string_view &text)
{
    for (const Unit &unit : units) {
        if (take(text, unit.name)) {
            return unit.ns;
        }
    }

    return 0;
}

// Days since 1970-01-01 of a date of the proleptic Gregorian calendar. The
// year is counted from March, so that the leap day is its last.
constexpr std::int64_t days_from_date(std::int64_t year, int month, int day)
{
    year -= month <= 2;

    std::int64_t era = divide_down(year, 400);
    std::int64_t year_of_era = year - era * 400;
    std::int64_t month_from_march = (month + 9) % 12;
    std::int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4
           - year_of_era / 100 + day_of_year - 719468;
}

std::int64_t year_of(std::int64_t days)
{
    // The way back: years from March to March, of which the last day of every
    // fourth, hundredth and four hundredth is one more or less.
    days += 719468;

    std::int64_t era = divide_down(days, 146097);
    std::int64_t day_of_era = days - era * 146097;
    std::int64_t year_of_era = (day_of_era - day_of_era / 1460
        + day_of_era / 36524 - day_of_era / 146096) / 365;
    std::int64_t day_of_year = day_of_era - (365 * year_of_era
        + year_of_era / 4 - year_of_era / 100);
    constexpr std::int64_t days_to_new_year = 306;

    return era * 400 + year_of_era + (day_of_year >= days_to_new_year);
}

// The first Sunday on or after a date; day 0 of the epoch was a Thursday.
constexpr std::int64_t sunday_from(std::int64_t days)
{
    std::int64_t weekday = (days + 4) % 7;

    if (weekday < 0) {
        weekday += 7;
    }

    return days + (7 - weekday) % 7;
}

// 15 U.S.C. 260a: from the second Sunday of March to the first of November,
// both at two o'clock local time, which is 10:00 and 09:00 UTC.
struct Summer {
    std::int64_t begin = 0;         // Unix ms
    std::int64_t end = 0;
};

constexpr Summer summer_of(std::int64_t year)
{
    return { sunday_from(days_from_date(year, 3, 8)) * ms_per_day
                 + 10 * ms_per_hour,
             sunday_from(days_from_date(year, 11, 1)) * ms_per_day
                 + 9 * ms_per_hour };
}

// Every request asks for the day some times.
constexpr std::int64_t first_known_year = 2020;
constexpr std::size_t known_years = 64;

constexpr auto known_summers()
{
    std::array<Summer, known_years> summers{};

    for (std::size_t i = 0; i < known_years; ++i) {
        summers[i] = summer_of(first_known_year
                               + static_cast<std::int64_t>(i));
    }

    return summers;
}

constexpr auto summers = known_summers();

Summer summer_at(std::int64_t now_ms)
{
    constexpr std::int64_t begin = days_from_date(first_known_year, 1, 1)
                                   * ms_per_day;
    constexpr std::int64_t ms_per_year = 146097 * ms_per_day / 400;

    // Around New Year it may be the other year's: it is winter in both.
    auto i = static_cast<std::uint64_t>(now_ms - begin) / ms_per_year;

    return now_ms >= begin && i < known_years
        ? summers[i] : summer_of(year_of(divide_down(now_ms, ms_per_day)));
}

std::int64_t pacific_offset(std::int64_t now_ms)
{
    Summer summer = summer_at(now_ms);

    return now_ms >= summer.begin && now_ms < summer.end
        ? -7 * ms_per_hour : -8 * ms_per_hour;
}

struct Date {
    std::int64_t year = 0;
    int month = 0;
    int day = 0;
    int second = 0;             // of the day
};

std::optional<int> take_number(std::string_view &text, std::size_t digits)
{
    if (text.size() < digits) {
        return std::nullopt;
    }

    int value = 0;

    for (std::size_t i = 0; i < digits; ++i) {
        if (!is_digit(text[i])) {
            return std::nullopt;
        }

        value = value * 10 + (text[i] - '0');
    }

    text.remove_prefix(digits);
    return value;
}

bool take_month(std::string_view &text, Date &date)
{
    constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; ++i) {
        if (take(text, names.substr(static_cast<std::size_t>(i) * 3, 3))) {
            date.month = i + 1;
            return true;
        }
    }

    return false;
}

bool take_day(std::string_view &text, Date &date)
{
    // asctime pads with a space.
    auto day = take_number(text, take(text, " ") ? 1 : 2);
    date.day = day.value_or(0);

    return date.day >= 1 && date.day <= 31;
}

bool take_year(std::string_view &text, Date &date)
{
    auto year = take_number(text, 4);
    date.year = year.value_or(0);

    return year.has_value();
}

bool take_time(std::string_view &text, Date &date)
{
    auto hour = take_number(text, 2);
    bool first = take(text, ":");
    auto minute = take_number(text, 2);
    bool second = take(text, ":");
    auto seconds = take_number(text, 2);

    // 60 is a leap second.
    if (!hour || !minute || !seconds || !first || !second || *hour > 23
        || *minute > 59 || *seconds > 60)
    {
        return false;
    }

    date.second = *hour * 3600 + *minute * 60 + *seconds;
    return true;
}

// Two digits mean the year that is not over 50 years ahead, RFC 9110 5.6.7.
bool take_short_year(std::string_view &text, Date &date,
    std::int64_t now_ms)
{
    auto year = take_number(text, 2);
    std::int64_t now = year_of(divide_down(now_ms, ms_per_day));

    date.year = divide_down(now, 100) * 100 + year.value_or(0);

    if (date.year > now + 50) {
        date.year -= 100;
    }

    return year.has_value();
}

// The three forms of RFC 9110 section 5.6.7. The name of the weekday says
// nothing and is not checked.
std::optional<Date> read_http_date(std::string_view text,
    std::int64_t now_ms)
{
    std::size_t name = 0;

    while (name < text.size() && text[name] != ',' && text[name] != ' ') {
        ++name;
    }

    text.remove_prefix(name);

    Date date;
    std::string_view fixed = text;

    if (take(fixed, ", ") && take_day(fixed, date) && take(fixed, " ")
        && take_month(fixed, date) && take(fixed, " ")
        && take_year(fixed, date) && take(fixed, " ")
        && take_time(fixed, date) && fixed == " GMT")
    {
        return date;
    }

    std::string_view rfc850 = text;

    if (take(rfc850, ", ") && take_day(rfc850, date) && take(rfc850, "-")
        && take_month(rfc850, date) && take(rfc850, "-")
        && take_short_year(rfc850, date, now_ms) && take(rfc850, " ")
        && take_time(rfc850, date) && rfc850 == " GMT")
    {
        return date;
    }

    std::string_view asctime = text;

    if (take(asctime, " ") && take_month(asctime, date) && take(asctime, " ")
        && take_day(asctime, date) && take(asctime, " ")
        && take_time(asctime, date) && take(asctime, " ")
        && take_year(asctime, date) && asctime.empty())
    {
        return date;
    }

    return std::nullopt;
}

// The longest beginning that could be a Go duration; a full stop behind it
// ends the sentence.
std::string_view duration_word(std::string_view text)
{
    std::size_t size = text.find_first_not_of("0123456789.hmnus\xc2\xb5\xce"
                                              "\xbc");
    text = text.substr(0, size);

    while (ends_with(text, ".")) {
        text.remove_suffix(1);
    }

    return text;
}

}

std::optional<std::int64_t> parse_duration(std::string_view text)
{
    auto seconds = take_integer(text, max_seconds);

    if (!seconds) {
        return std::nullopt;
    }

    std::int64_t ns = 0;

    if (take(text, ".")) {
        std::size_t before = text.size();
        ns = take_billionths(text);
        std::size_t digits = before - text.size();

        if (digits < 1 || digits > 9) {
            return std::nullopt;
        }
    }

    if (text != "s") {
        return std::nullopt;
    }

    return *seconds * ms_per_second + divide_up(ns, ns_per_ms);
}

std::optional<std::int64_t> parse_go_duration(std::string_view text)
{
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

    if (text.empty()) {
        return std::nullopt;
    }

    if (text == "0") {
        return 0;
    }

    std::int64_t total = 0;

    while (!text.empty()) {
        bool digits = is_digit(text[0]);
        auto whole = digits ? take_integer(text, most) : std::int64_t{0};
        std::int64_t part = 0;

        if (take(text, ".")) {
            digits = digits || (!text.empty() && is_digit(text[0]));
            part = take_billionths(text);
        }

        std::int64_t unit = digits ? take_unit(text) : 0;

        if (!whole || unit == 0) {
            return std::nullopt;
        }

        // Neither product leaves 64 bits: part is at most 10^9.
        std::int64_t ns = unit >= ns_per_second
            ? part * (unit / ns_per_second)
            : divide_up(part * unit, ns_per_second);

        if (*whole > (most - ns) / unit
            || total > most - ns - *whole * unit)
        {
            return std::nullopt;
        }

        total += *whole * unit + ns;
    }

    return divide_up(total, ns_per_ms);
}

std::optional<std::int64_t> delay_in_prose(std::string_view message)
{
    for (std::string_view phrase : {"retry in ", "reset after "}) {
        std::size_t at = 0;

        while ((at = message.find(phrase, at)) != std::string_view::npos) {
            at += phrase.size();
            auto delay = parse_go_duration(duration_word(message.substr(at)));

            if (delay) {
                return delay;
            }
        }
    }

    return std::nullopt;
}

std::optional<std::int64_t> parse_http_date(std::string_view value,
    std::int64_t now_ms)
{
    auto date = read_http_date(trim(value), now_ms);

    if (!date) {
        return std::nullopt;
    }

    return days_from_date(date->year, date->month, date->day) * ms_per_day
           + date->second * ms_per_second;
}

std::optional<std::int64_t> parse_retry_after(std::string_view value,
    std::int64_t now_ms)
{
    value = trim(value);

    if (!value.empty()
        && value.find_first_not_of("0123456789") == std::string_view::npos)
    {
        // Absurdly long is still long.
        auto seconds = take_integer(value, max_seconds);
        return seconds.value_or(max_seconds) * ms_per_second;
    }

    auto at = parse_http_date(value, now_ms);

    if (!at) {
        return std::nullopt;
    }

    return *at > now_ms ? *at - now_ms : 0;
}

std::int64_t next_pacific_midnight(std::int64_t now_ms)
{
    // The clocks change two hours after midnight, so both readings of it are
    // on the same side of the change.
    std::int64_t midnight = (pacific_day(now_ms) + 1) * ms_per_day;
    return midnight - pacific_offset(midnight + 8 * ms_per_hour);
}

std::int64_t pacific_day(std::int64_t now_ms)
{
    return divide_down(now_ms + pacific_offset(now_ms), ms_per_day);
}

}
