#include "core/keys/metrics.hpp"

#include "core/keys/mix.hpp"

#include <algorithm>
#include <iterator>

namespace gw::keys {

namespace {

constexpr int model_shift = 24;
constexpr int status_shift = 40;
constexpr int operation_shift = 52;
constexpr int metric_shift = 56;

constexpr std::uint64_t most_credentials = 0xffffff;
constexpr std::uint64_t most_operations = 0xf;

/// How far from its own place a series may lie.
constexpr std::size_t reach = 64;

/// The last places belong to a metric each: what finds no other counts there.
constexpr std::size_t last_places = 8;

// Of what is before them, one in eight is for series without model and
// credential, of which there are few: invented names never take their room.
constexpr std::size_t total_share = 8;

void count(Word &word, std::uint64_t number)
{
    word.fetch_add(number, std::memory_order_relaxed);
}

}

std::uint64_t Series::word() const
{
    std::uint64_t place = credential <= most_credentials ? credential : 0;

    return place
        | std::uint64_t{model} << model_shift
        | std::min<std::uint64_t>(status, other_status) << status_shift
        | std::min<std::uint64_t>(operation, most_operations)
              << operation_shift
        | std::uint64_t{static_cast<std::uint8_t>(metric)} << metric_shift;
}

Series Series::of(std::uint64_t word)
{
    Series series;
    series.metric = static_cast<Metric>(word >> metric_shift);
    series.operation = static_cast<std::uint8_t>(
        word >> operation_shift & most_operations);
    series.status = static_cast<std::uint16_t>(
        word >> status_shift & other_status);
    series.model = static_cast<std::uint16_t>(word >> model_shift & 0xffff);
    series.credential = static_cast<std::uint32_t>(word & most_credentials);

    return series;
}

void Histogram::add(std::int64_t ms)
{
    // A clock that was set back must not take away from the sum.
    ms = std::max<std::int64_t>(ms, 0);

    const auto *bound = std::lower_bound(std::begin(bounds_ms),
        std::end(bounds_ms), ms);

    count(buckets[bound - std::begin(bounds_ms)], 1);
    count(sum_ms, static_cast<std::uint64_t>(ms));
}

std::size_t MetricTable::totals_from() const
{
    std::size_t room = capacity_ - std::min(capacity_, last_places);

    return room - room / total_share;
}

Word *MetricTable::find_or_claim(std::uint64_t word, std::size_t from,
    std::size_t to) const
{
    std::size_t size = to - from;
    std::size_t steps = std::min(size, reach);
    std::uint64_t hash = mix(word);

    for (std::size_t i = 0; i < steps; ++i) {
        SeriesRecord &record = records_[from + (hash + i) % size];
        std::uint64_t holder = record.series.load(std::memory_order_relaxed);

        // A place once taken is never free again, so whoever looks for the
        // same series comes to the same one.
        if (holder == word
            || (holder == 0
                && (record.series.compare_exchange_strong(holder, word)
                    || holder == word)))
        {
            return &record.count;
        }
    }

    return nullptr;
}

void MetricTable::add(const Series &series, std::uint64_t number)
{
    if (capacity_ <= last_places || number == 0
        || series.metric == Metric::none)
    {
        return;
    }

    std::size_t totals = totals_from();
    bool labelled = series.model != 0 || series.credential != 0;

    if (labelled) {
        if (Word *place = find_or_claim(series.word(), 0, totals)) {
            count(*place, number);
            return;
        }

        // A note of a model that finds no place is none.
        if (series.metric == Metric::known_model) {
            return;
        }
    }

    Series total = series;
    total.model = 0;
    total.credential = 0;

    if (Word *place = find_or_claim(total.word(), totals,
            capacity_ - last_places))
    {
        count(*place, number);
        return;
    }

    total.operation = 0;
    total.status = Series::other_status;

    SeriesRecord &last = records_[capacity_ - last_places
        + static_cast<std::size_t>(series.metric) % last_places];

    last.series.store(total.word(), std::memory_order_relaxed);
    count(last.count, number);
}

void MetricTable::note_model(std::uint16_t model)
{
    if (model != 0 && !knows_model(model)) {
        Series series;
        series.metric = Metric::known_model;
        series.model = model;
        add(series);
    }
}

bool MetricTable::knows_model(std::uint16_t model) const
{
    if (capacity_ <= last_places || model == 0) {
        return false;
    }

    Series series;
    series.metric = Metric::known_model;
    series.model = model;

    std::uint64_t word = series.word();
    std::uint64_t hash = mix(word);
    std::size_t size = totals_from();
    std::size_t steps = std::min(size, reach);

    for (std::size_t i = 0; i < steps; ++i) {
        std::uint64_t holder = records_[(hash + i) % size].series.load(
            std::memory_order_relaxed);

        if (holder == word || holder == 0) {
            return holder == word;
        }
    }

    return false;
}

Histogram &MetricTable::latency(std::uint8_t operation)
{
    return histograms_->latency[
        std::min<std::size_t>(operation, histogram_operations - 1)];
}

Histogram &MetricTable::first_token(std::uint8_t operation)
{
    return histograms_->first_token[
        std::min<std::size_t>(operation, histogram_operations - 1)];
}

const Histogram &MetricTable::latency(std::uint8_t operation) const
{
    return const_cast<MetricTable *>(this)->latency(operation);
}

const Histogram &MetricTable::first_token(std::uint8_t operation) const
{
    return const_cast<MetricTable *>(this)->first_token(operation);
}

std::vector<MetricTable::Value> MetricTable::values() const
{
    std::vector<Value> values;

    for (std::size_t i = 0; i < capacity_; ++i) {
        std::uint64_t number = records_[i].count.load(
            std::memory_order_relaxed);

        if (number != 0) {
            values.push_back(
                { Series::of(records_[i].series.load()), number });
        }
    }

    std::sort(values.begin(), values.end(),
        [](const Value &a, const Value &b) {
            return a.series.word() < b.series.word();
        });

    return values;
}

std::size_t MetricTable::used() const
{
    return static_cast<std::size_t>(std::count_if(records_,
        records_ + capacity_, [](const SeriesRecord &record) {
            return record.series.load(std::memory_order_relaxed) != 0;
        }));
}

void MetricTable::forget_credential(std::uint32_t slot)
{
    for (std::size_t i = 0; i < capacity_; ++i) {
        SeriesRecord &record = records_[i];
        Series series = Series::of(record.series.load());

        if (series.credential != slot + 1) {
            continue;
        }

        // Never counted twice: a total that falls back later would look like
        // a restart.
        std::uint64_t number = record.count.exchange(0);

        series.model = 0;
        series.credential = 0;
        add(series, number);
    }
}

}
