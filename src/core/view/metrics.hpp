// A pool's counters for monitors, in Prometheus' text form.
#pragma once

#include "core/base/output.hpp"
#include "core/keys/pool.hpp"
#include "core/openai/route.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gw::view {

/// keys::Series::status of what Metric::tokens counts.
enum class TokenType : std::uint16_t {
    prompt, completion, reasoning, cached
};

/// keys::Series::operation; 0: none, the request was refused before it was
/// known what it wants.
std::uint8_t operation_number(std::optional<openai::Operation> operation);

struct RedisState {
    bool up = false;
    std::uint64_t hosts = 1;            // that share the pool now
    std::uint64_t lost = 0;             // connections
};

struct MetricsInput {
    struct Durations {
        std::uint8_t operation = 0;
        std::uint64_t buckets[keys::Histogram::bounds + 1] = {};
        std::uint64_t sum_ms = 0;
    };

    /// How full one table of the zone is.
    struct Table {
        std::string_view name;
        std::uint64_t used = 0;
        std::uint64_t capacity = 0;
    };

    std::string_view pool;              // its name
    std::string_view version;           // of the module
    std::optional<RedisState> redis;    // nullopt: the pool is not shared

    std::vector<keys::MetricTable::Value> series;
    /// What the numbers in the series mean: by slot + 1, and index + 1.
    std::unordered_map<std::uint32_t, std::string> key_names;
    std::unordered_map<std::uint32_t, std::string> model_names;
    std::vector<Durations> latency;
    std::vector<Durations> first_token;

    std::uint64_t keys_ok = 0;
    std::uint64_t keys_resting = 0;
    std::uint64_t keys_invalid = 0;
    std::uint64_t keys_no_token = 0;
    std::uint64_t keys_disabled = 0;
    std::uint64_t tries_in_flight = 0;
    std::uint64_t open_streams = 0;
    std::uint64_t cells_lost = 0;
    std::vector<Table> tables;
};

/// All that the pool knows; pool, version and redis are left to the caller.
MetricsInput metrics_of(const keys::Pool &pool, std::int64_t now_ms);

/// Series that are named alike are one, and a name that is not known is
/// "other".
void write_metrics(const MetricsInput &input, Output &out);

}
