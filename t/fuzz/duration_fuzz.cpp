// Any text as a delay, any moment as a day.
#include "core/base/duration.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace {

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    using namespace gw;

    if (size < sizeof(std::int64_t)) {
        return 0;
    }

    // 30,000 years around 1970: what a clock may say and more.
    constexpr std::int64_t span = INT64_C(1000000000000000);
    constexpr std::int64_t hour = 3600 * 1000;

    std::int64_t now;
    std::memcpy(&now, bytes, sizeof(now));
    now %= span;

    std::string_view text(reinterpret_cast<const char *>(bytes)
                              + sizeof(now), size - sizeof(now));

    auto duration = parse_duration(text);
    auto go = parse_go_duration(text);
    require(!duration || *duration >= 0);
    require(!go || *go >= 0);
    // Go has room for 292 years, and reads those of protobuf in the same way.
    require(!duration || *duration > 292 * 365 * 24 * hour
            || go == duration);

    auto prose = delay_in_prose(text);
    require(!prose || *prose >= 0);

    auto after = parse_retry_after(text, now);
    require(!after || *after >= 0);

    std::int64_t midnight = next_pacific_midnight(now);
    require(midnight > now && midnight - now <= 25 * hour);
    require(pacific_day(midnight) == pacific_day(now) + 1);
    require(pacific_day(midnight - 1) == pacific_day(now));

    std::int64_t next = next_pacific_midnight(midnight) - midnight;
    require(next == 23 * hour || next == 24 * hour || next == 25 * hour);

    return 0;
}
