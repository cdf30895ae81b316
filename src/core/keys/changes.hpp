// What hosts tell each other, and the state file keeps: values, without the
// memory they come from. KeyChange (added.hpp) is the fourth of them.
#pragma once

#include "core/keys/cooldown.hpp"
#include "core/keys/use.hpp"

#include <cstdint>
#include <string>

namespace gw::keys {

/// What rests. Times are Unix ms of the clock of whoever holds the value;
/// share/codec shifts them.
struct RestChange {
    std::uint64_t owner = 0;        // credential or project id
    std::string model;              // empty: the key as a whole
    Rest rest;                      // until_ms == 0: it was reset
    std::int64_t when_ms = 0;       // later wins
};

/// Usage since the last time anybody was told.
struct UseDelta {
    std::uint64_t owner = 0;
    std::string model;
    std::int64_t requests = 0;
    std::int64_t tokens = 0;
};

/// A day's total.
struct UseTotal {
    std::uint64_t owner = 0;
    std::string model;
    std::int64_t day = 0;           // pacific_day()
    std::int64_t requests = 0;
    std::int64_t tokens = 0;
};

struct LearnedLimit {
    std::uint64_t owner = 0;
    std::string model;
    Quantity quantity = Quantity::rpm;
    std::int64_t value = 0;
    std::int64_t when_ms = 0;       // later wins
};

}
