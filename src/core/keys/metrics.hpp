// Counters of a pool for monitors, in shared memory without a lock. Labels are
// numbers here; view/metrics gives them names.
#pragma once

#include "core/keys/record.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gw::keys {

enum class Metric : std::uint8_t {
    none,
    requests,           // operation, status, model, credential
    tries,              // status (0: no answer), model, credential
    rests,              // failure class in `status`, model, credential
    tokens,             // kind in `status`: prompt, completion, reasoning,
                        // cached; model, credential
    known_model         // not for monitors: a note that the model is real
};

/// One series: everything that names it, in one word.
struct Series {
    /// What counts where even the statuses found no room.
    static constexpr std::uint16_t other_status = 0xfff;

    Metric metric = Metric::none;
    std::uint8_t operation = 0;         // 4 bits
    std::uint16_t status = 0;           // 12 bits
    std::uint16_t model = 0;            // index of its ModelName + 1; 0: other
    std::uint32_t credential = 0;       // slot + 1, 24 bits; 0: none, or other

    std::uint64_t word() const;
    static Series of(std::uint64_t word);
};

struct SeriesRecord {
    Word series;                        // 0: free
    Word count;
};
static_assert(sizeof(SeriesRecord) == 16);

/// A histogram of durations; bounds in milliseconds.
struct Histogram {
    static constexpr std::int64_t bounds_ms[] = {
        5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000,
        120000, 300000
    };
    static constexpr std::size_t bounds =
        sizeof(bounds_ms) / sizeof(bounds_ms[0]);

    Word buckets[bounds + 1];           // each on its own; the last: above all
    Word sum_ms;

    void add(std::int64_t ms);
};

constexpr std::size_t histogram_operations = 32;

struct alignas(64) Histograms {
    Histogram latency[histogram_operations];        // by operation
    Histogram first_token[histogram_operations];
};

/// A fixed table of series. When it is full, or a label has no room, the
/// series without model and credential ("other") counts instead: totals stay
/// right. Any worker may die between any two stores.
class MetricTable {
public:
    MetricTable() = default;
    /// capacity: a power of two.
    MetricTable(SeriesRecord *records, Histograms *histograms,
        std::size_t capacity)
        : records_(records), histograms_(histograms), capacity_(capacity)
    {
    }

    void add(const Series &series, std::uint64_t count = 1);

    /// Names of models come from clients: one gets a label of its own only
    /// after upstream has shown that there is such a model. model: as in
    /// Series; 0 is never known.
    void note_model(std::uint16_t model);
    bool knows_model(std::uint16_t model) const;

    Histogram &latency(std::uint8_t operation);
    Histogram &first_token(std::uint8_t operation);
    const Histogram &latency(std::uint8_t operation) const;
    const Histogram &first_token(std::uint8_t operation) const;

    struct Value {
        Series series;
        std::uint64_t count;
    };

    /// All that count, in the order of their words; notes of models too.
    std::vector<Value> values() const;

    std::size_t used() const;
    std::size_t capacity() const { return capacity_; }

    /// A slot was given to another key: what it had counted goes to "other".
    void forget_credential(std::uint32_t slot);

private:
    /// Where the series without model and credential begin.
    std::size_t totals_from() const;

    /// The count of the series that lies, or now lies, between the places
    /// `from` and `to`; nullptr: no room.
    Word *find_or_claim(std::uint64_t word, std::size_t from,
        std::size_t to) const;

    SeriesRecord *records_ = nullptr;
    Histograms *histograms_ = nullptr;
    std::size_t capacity_ = 0;
};

}
