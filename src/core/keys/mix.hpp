// Spreads the bits of a number over the whole word.
#pragma once

#include <cstdint>

namespace gw::keys {

/// The finalizer of SplitMix64: one to one, every bit depends on every other.
constexpr std::uint64_t mix(std::uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;

    return x ^ (x >> 31);
}

}
