#include "core/base/timestamp.hpp"

#include <cstddef>

namespace gw {

namespace {

/// So many digits off the front; -1: they are not there.
int take_digits(std::string_view &text, std::size_t count)
{
    int number = 0;

    if (text.size() < count) {
        return -1;
    }

    for (std::size_t i = 0; i < count; ++i) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }

        number = number * 10 + (text[i] - '0');
    }

    text.remove_prefix(count);
    return number;
}

bool take_one(std::string_view &text, char first, char second)
{
    if (text.empty() || (text.front() != first && text.front() != second)) {
        return false;
    }

    text.remove_prefix(1);
    return true;
}

bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int days_of_month(int year, int month)
{
    constexpr int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/// Since the epoch.
std::int64_t days_before(int year, int month, int day)
{
    std::int64_t earlier = year - 1;
    std::int64_t days = earlier * 365 + earlier / 4 - earlier / 100
                        + earlier / 400 - 719162;

    for (int i = 1; i < month; ++i) {
        days += days_of_month(year, i);
    }

    return days + day - 1;
}

/// Minutes east of Greenwich, the rest of a timestamp.
std::optional<int> read_zone(std::string_view text)
{
    if (text == "Z" || text == "z") {
        return 0;
    }

    bool west = !text.empty() && text.front() == '-';

    if (!take_one(text, '+', '-')) {
        return std::nullopt;
    }

    int hours = take_digits(text, 2);
    bool colon = take_one(text, ':', ':');
    int minutes = take_digits(text, 2);

    if (hours < 0 || hours > 23 || !colon || minutes < 0 || minutes > 59
        || !text.empty())
    {
        return std::nullopt;
    }

    return west ? -(hours * 60 + minutes) : hours * 60 + minutes;
}

}

std::optional<std::int64_t> parse_timestamp(std::string_view text)
{
    int year = take_digits(text, 4);
    bool well_formed = take_one(text, '-', '-');
    int month = take_digits(text, 2);
    well_formed &= take_one(text, '-', '-');
    int day = take_digits(text, 2);
    well_formed &= take_one(text, 'T', 't');
    int hour = take_digits(text, 2);
    well_formed &= take_one(text, ':', ':');
    int minute = take_digits(text, 2);
    well_formed &= take_one(text, ':', ':');
    int second = take_digits(text, 2);

    if (!well_formed || year < 1970 || year > 2999 || month < 1 || month > 12
        || day < 1 || day > days_of_month(year, month) || hour < 0
        || hour > 23 || minute < 0 || minute > 59 || second < 0
        || second > 60)
    {
        return std::nullopt;
    }

    std::int64_t fraction_ms = 0;

    if (take_one(text, '.', '.')) {
        constexpr std::size_t most_digits = 9;
        int unit = 100;
        std::size_t digits = 0;

        for ( ; !text.empty() && text.front() >= '0' && text.front() <= '9';
              text.remove_prefix(1), ++digits)
        {
            fraction_ms += (text.front() - '0') * unit;
            unit /= 10;
        }

        if (digits == 0 || digits > most_digits) {
            return std::nullopt;
        }
    }

    std::optional<int> east = read_zone(text);

    if (!east) {
        return std::nullopt;
    }

    std::int64_t minutes = days_before(year, month, day) * 24 * 60
                           + hour * 60 + minute - *east;

    return (minutes * 60 + second) * 1000 + fraction_ms;
}

}
