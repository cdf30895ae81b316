#include "core/keys/metrics.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace {

using gw::keys::Histogram;
using gw::keys::Histograms;
using gw::keys::Metric;
using gw::keys::MetricTable;
using gw::keys::Series;
using gw::keys::SeriesRecord;

Series series(Metric metric, unsigned status, unsigned model = 0,
    unsigned credential = 0, unsigned operation = 0)
{
    Series one;
    one.metric = metric;
    one.operation = static_cast<std::uint8_t>(operation);
    one.status = static_cast<std::uint16_t>(status);
    one.model = static_cast<std::uint16_t>(model);
    one.credential = credential;

    return one;
}

/// A table and its memory.
struct Counters {
    explicit Counters(std::size_t capacity)
        : records(new SeriesRecord[capacity]()), histograms(new Histograms()),
          table(records.get(), histograms.get(), capacity)
    {
    }

    std::uint64_t count_of(const Series &wanted) const
    {
        for (const MetricTable::Value &value : table.values()) {
            if (value.series.word() == wanted.word()) {
                return value.count;
            }
        }

        return 0;
    }

    std::uint64_t total_of(Metric metric) const
    {
        std::uint64_t total = 0;

        for (const MetricTable::Value &value : table.values()) {
            total += value.series.metric == metric ? value.count : 0;
        }

        return total;
    }

    std::unique_ptr<SeriesRecord[]> records;
    std::unique_ptr<Histograms> histograms;
    MetricTable table;
};

TEST(KeysSeries, AreOneWordAndBack)
{
    const Series all[] = {
        series(Metric::requests, 200, 1, 1, 1),
        series(Metric::requests, 499, 256, 0xffffff, 15),
        series(Metric::tries, 0),
        series(Metric::tokens, 3, 0xffff, 12345),
        series(Metric::rests, Series::other_status),
    };

    for (const Series &one : all) {
        Series back = Series::of(one.word());

        EXPECT_NE(one.word(), 0u);
        EXPECT_EQ(back.metric, one.metric);
        EXPECT_EQ(back.operation, one.operation);
        EXPECT_EQ(back.status, one.status);
        EXPECT_EQ(back.model, one.model);
        EXPECT_EQ(back.credential, one.credential);
    }
}

TEST(KeysSeries, WithACredentialThatDoesNotFitAreOthers)
{
    Series one = series(Metric::tries, 200, 3, 0x1000000);

    EXPECT_EQ(Series::of(one.word()).credential, 0u);
    EXPECT_EQ(Series::of(one.word()).model, 3u);
}

TEST(KeysMetricTable, CountsEachSeriesApart)
{
    Counters c(256);

    c.table.add(series(Metric::requests, 200, 1, 1, 1));
    c.table.add(series(Metric::requests, 200, 1, 1, 1));
    c.table.add(series(Metric::requests, 429, 1, 1, 1));
    c.table.add(series(Metric::tokens, 0, 1, 1), 1000);

    EXPECT_EQ(c.count_of(series(Metric::requests, 200, 1, 1, 1)), 2u);
    EXPECT_EQ(c.count_of(series(Metric::requests, 429, 1, 1, 1)), 1u);
    EXPECT_EQ(c.count_of(series(Metric::tokens, 0, 1, 1)), 1000u);
    EXPECT_EQ(c.table.used(), 3u);
}

TEST(KeysMetricTable, GivesItsValuesInTheOrderOfTheirWords)
{
    Counters c(256);

    c.table.add(series(Metric::tokens, 0, 2, 1));
    c.table.add(series(Metric::requests, 429, 1, 1));
    c.table.add(series(Metric::requests, 200, 7, 1));

    std::vector<MetricTable::Value> values = c.table.values();

    ASSERT_EQ(values.size(), 3u);
    EXPECT_EQ(values[0].series.status, 200);
    EXPECT_EQ(values[1].series.status, 429);
    EXPECT_EQ(values[2].series.metric, Metric::tokens);
}

TEST(KeysMetricTable, CountsAsOtherWhatFindsNoRoom)
{
    for (std::size_t capacity : { 16u, 32u, 256u }) {
        Counters c(capacity);

        for (unsigned model = 1; model <= 1000; ++model) {
            c.table.add(series(Metric::tries, 200, model, model % 7));
        }

        EXPECT_EQ(c.total_of(Metric::tries), 1000u) << capacity;
        EXPECT_GT(c.count_of(series(Metric::tries, 200)), 500u) << capacity;
        EXPECT_LE(c.table.used(), capacity);
    }
}

TEST(KeysMetricTable, KeepsRoomForTotalsWhateverElseFillsIt)
{
    Counters c(256);

    for (unsigned model = 1; model <= 60000; ++model) {
        c.table.add(series(Metric::tries, 404, model));
    }

    c.table.add(series(Metric::requests, 200));
    c.table.add(series(Metric::tokens, 0));

    EXPECT_EQ(c.count_of(series(Metric::requests, 200)), 1u);
    EXPECT_EQ(c.count_of(series(Metric::tokens, 0)), 1u);
}

TEST(KeysMetricTable, LosesNothingToMoreStatusesThanItHasRoomFor)
{
    Counters c(32);

    for (unsigned status = 0; status < 1000; ++status) {
        c.table.add(series(Metric::tries, status, 1));
        c.table.add(series(Metric::requests, status, 1));
    }

    EXPECT_EQ(c.total_of(Metric::tries), 1000u);
    EXPECT_EQ(c.total_of(Metric::requests), 1000u);
    EXPECT_GT(c.count_of(series(Metric::tries, Series::other_status)), 0u);
}

TEST(KeysMetricTable, WithoutMemoryCountsNothing)
{
    MetricTable table;

    table.add(series(Metric::tries, 200));
    table.note_model(1);

    EXPECT_TRUE(table.values().empty());
    EXPECT_FALSE(table.knows_model(1));
    EXPECT_EQ(table.used(), 0u);
}

TEST(KeysMetricTable, KnowsTheModelsThatWereNoted)
{
    Counters c(256);

    EXPECT_FALSE(c.table.knows_model(5));

    c.table.note_model(5);
    c.table.note_model(5);
    c.table.note_model(0);

    EXPECT_TRUE(c.table.knows_model(5));
    EXPECT_FALSE(c.table.knows_model(6));
    EXPECT_FALSE(c.table.knows_model(0));
    EXPECT_EQ(c.table.values().size(), 1u);
}

TEST(KeysMetricTable, DoesNotTakeATriedModelForAKnownOne)
{
    Counters c(256);

    c.table.add(series(Metric::tries, 404, 5));

    EXPECT_FALSE(c.table.knows_model(5));
}

TEST(KeysMetricTable, DoesNotKnowAModelForWhichThereWasNoRoom)
{
    Counters c(16);

    for (unsigned model = 1; model <= 1000; ++model) {
        c.table.add(series(Metric::tries, 200, model));
    }

    c.table.note_model(5);

    EXPECT_FALSE(c.table.knows_model(5));
    EXPECT_EQ(c.total_of(Metric::known_model), 0u);
}

TEST(KeysMetricTable, LetsAForgottenCredentialCountAsOther)
{
    Counters c(256);

    c.table.add(series(Metric::requests, 200, 4, 3, 1), 10);
    c.table.add(series(Metric::tries, 429, 4, 3), 5);
    c.table.add(series(Metric::tries, 429, 4, 8), 2);

    c.table.forget_credential(2);

    EXPECT_EQ(c.count_of(series(Metric::requests, 200, 4, 3, 1)), 0u);
    EXPECT_EQ(c.count_of(series(Metric::requests, 200, 0, 0, 1)), 10u);
    EXPECT_EQ(c.count_of(series(Metric::tries, 429)), 5u);
    EXPECT_EQ(c.count_of(series(Metric::tries, 429, 4, 8)), 2u);

    c.table.add(series(Metric::tries, 429, 4, 3));

    EXPECT_EQ(c.count_of(series(Metric::tries, 429, 4, 3)), 1u);
    EXPECT_EQ(c.total_of(Metric::tries), 8u);
}

TEST(KeysMetricTable, CountsEachOnceWhoeverElseCounts)
{
    Counters c(64);
    constexpr unsigned rounds = 20000;
    std::vector<std::thread> threads;

    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&c] {
            for (unsigned round = 0; round < rounds; ++round) {
                c.table.add(series(Metric::tries, 200, round % 100));
            }
        });
    }

    for (std::thread &thread : threads) {
        thread.join();
    }

    EXPECT_EQ(c.total_of(Metric::tries), 4u * rounds);

    // Nor does one series lie in two places.
    std::vector<MetricTable::Value> values = c.table.values();

    for (std::size_t i = 1; i < values.size(); ++i) {
        EXPECT_NE(values[i - 1].series.word(), values[i].series.word());
    }
}

TEST(KeysHistogram, PutsADurationIntoTheBucketOfItsBound)
{
    const struct {
        std::int64_t ms;
        std::size_t bucket;
    } rows[] = {
        { -1, 0 }, { 0, 0 }, { 5, 0 }, { 6, 1 }, { 1000, 7 }, { 1001, 8 },
        { 300000, Histogram::bounds - 1 }, { 300001, Histogram::bounds },
    };

    for (const auto &row : rows) {
        Histogram histogram{};
        histogram.add(row.ms);

        EXPECT_EQ(histogram.buckets[row.bucket].load(), 1u) << row.ms;
        EXPECT_EQ(histogram.sum_ms.load(),
            static_cast<std::uint64_t>(row.ms < 0 ? 0 : row.ms));
    }
}

TEST(KeysHistogram, OfAnUnknownOperationIsTheLastOne)
{
    Counters c(16);

    c.table.latency(200).add(1);

    EXPECT_EQ(c.histograms->latency[gw::keys::histogram_operations - 1]
                  .buckets[0].load(), 1u);
}

}
