// A count of what is under way, which those who die leave behind: it belongs
// to an epoch, and with the next one starts over.
#pragma once

#include "core/keys/record.hpp"

#include <cstdint>

namespace gw::keys {

constexpr int epoch_shift = 32;

inline std::uint64_t under_way(const Word &word, std::uint64_t epoch)
{
    constexpr std::uint64_t mask = 0xffffffff;
    std::uint64_t seen = word.load(std::memory_order_relaxed);

    return seen >> epoch_shift == (epoch & mask) ? seen & mask : 0;
}

/// Never below zero: what ends may have begun in another epoch, or before the
/// word was given to somebody else and back.
inline void count_under_way(Word &word, std::uint64_t epoch, int change)
{
    constexpr std::uint64_t mask = 0xffffffff;
    std::uint64_t seen = word.load(std::memory_order_relaxed);
    std::uint64_t next;

    do {
        std::uint64_t count =
            seen >> epoch_shift == (epoch & mask) ? seen & mask : 0;

        if (change > 0) {
            ++count;
        } else if (count > 0) {
            --count;
        }

        next = epoch << epoch_shift | count;

    } while (!word.compare_exchange_weak(seen, next,
        std::memory_order_relaxed));
}

}
