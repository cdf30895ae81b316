#include "core/view/metrics.hpp"

#include "keys_memory.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using gw::StringOutput;
using gw::keys::Metric;
using gw::keys::Series;
using gw::view::MetricsInput;

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

std::string written(const MetricsInput &input)
{
    StringOutput out;
    gw::view::write_metrics(input, out);

    return out.take();
}

MetricsInput input_of(std::vector<gw::keys::MetricTable::Value> values)
{
    MetricsInput input;
    input.pool = "main";
    input.version = "1.2.3";
    input.series = std::move(values);
    input.key_names = { { 1, "mail" }, { 2, "work" } };
    input.model_names = { { 1, "gemini-2.5-flash" } };

    return input;
}

bool has_line(const std::string &text, const std::string &line)
{
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(ViewMetrics, NameWhatWasCounted)
{
    std::string text = written(input_of({
        { series(Metric::requests, 200, 1, 1, 1), 7 },
        { series(Metric::requests, 401), 2 },
        { series(Metric::tries, 0, 1, 2), 3 },
        { series(Metric::rests, 2, 1, 2), 4 },
        { series(Metric::tokens, 1, 1, 1), 500 },
    }));

    EXPECT_TRUE(has_line(text, "gemini_requests_total{pool=\"main\","
        "operation=\"chat_completions\",status=\"200\","
        "model=\"gemini-2.5-flash\",key=\"mail\"} 7"));
    EXPECT_TRUE(has_line(text, "gemini_requests_total{pool=\"main\","
        "operation=\"none\",status=\"401\",model=\"other\","
        "key=\"other\"} 2"));
    EXPECT_TRUE(has_line(text, "gemini_tries_total{pool=\"main\","
        "status=\"0\",model=\"gemini-2.5-flash\",key=\"work\"} 3"));
    EXPECT_TRUE(has_line(text, "gemini_rests_total{pool=\"main\","
        "class=\"rate_limit\",model=\"gemini-2.5-flash\",key=\"work\"} 4"));
    EXPECT_TRUE(has_line(text, "gemini_tokens_total{pool=\"main\","
        "type=\"completion\",model=\"gemini-2.5-flash\",key=\"mail\"} 500"));
}

TEST(ViewMetrics, DescribeEachFamilyOnceAndInOnePiece)
{
    MetricsInput input = input_of({
        { series(Metric::requests, 200, 1, 1, 1), 7 },
        { series(Metric::tries, 200, 1, 1), 7 },
        { series(Metric::tries, 429, 1, 2), 1 },
    });
    input.redis.emplace();
    input.tables.push_back({ "keys", 2, 64 });
    input.latency.emplace_back().operation = 1;

    std::string text = written(input);
    std::vector<std::string> families;
    std::size_t start = 0;

    while (start < text.size()) {
        std::size_t end = text.find('\n', start);
        ASSERT_NE(end, std::string::npos);
        std::string line = text.substr(start, end - start);
        start = end + 1;

        if (line.rfind("# HELP ", 0) == 0) {
            std::string name = line.substr(7, line.find(' ', 7) - 7);

            for (const std::string &former : families) {
                EXPECT_NE(former, name);
            }

            families.push_back(name);
            EXPECT_EQ(text.substr(start, 7 + name.size() + 1),
                "# TYPE " + name + " ");
            continue;
        }

        ASSERT_FALSE(families.empty());
        EXPECT_TRUE(line.rfind(families.back(), 0) == 0
            || line.rfind("# TYPE " + families.back(), 0) == 0) << line;
    }

    EXPECT_GT(families.size(), 10u);
}

TEST(ViewMetrics, AddUpWhatIsNamedAlike)
{
    MetricsInput input = input_of({
        { series(Metric::tries, 200, 1, 1), 7 },
        { series(Metric::tries, 200, 1, 2), 5 },
        { series(Metric::tries, 200, 9, 9), 1 },
        { series(Metric::tries, 200), 2 },
    });
    input.key_names[2] = "mail";

    std::string text = written(input);

    EXPECT_TRUE(has_line(text, "gemini_tries_total{pool=\"main\","
        "status=\"200\",model=\"gemini-2.5-flash\",key=\"mail\"} 12"));
    EXPECT_TRUE(has_line(text, "gemini_tries_total{pool=\"main\","
        "status=\"200\",model=\"other\",key=\"other\"} 3"));
}

TEST(ViewMetrics, EscapeWhatALabelMayNotHold)
{
    MetricsInput input = input_of({ { series(Metric::tries, 200, 0, 1), 1 } });
    input.key_names[1] = "a\"b\\c\nd\xffz\xc3\xa9";

    EXPECT_TRUE(has_line(written(input), "gemini_tries_total{pool=\"main\","
        "status=\"200\",model=\"other\","
        "key=\"a\\\"b\\\\c\\nd\xef\xbf\xbdz\xc3\xa9\"} 1"));
}

TEST(ViewMetrics, SayOtherForAStatusThatFoundNoRoom)
{
    std::string text = written(input_of({
        { series(Metric::tries, Series::other_status), 4 },
    }));

    EXPECT_TRUE(has_line(text, "gemini_tries_total{pool=\"main\","
        "status=\"other\",model=\"other\",key=\"other\"} 4"));
}

TEST(ViewMetrics, DoNotShowTheNotesOfModels)
{
    MetricsInput plain = input_of({});
    MetricsInput noted = input_of({ { series(Metric::known_model, 0, 1), 1 } });

    EXPECT_EQ(written(plain), written(noted));
}

TEST(ViewMetrics, GiveHistogramsInSecondsAndCumulated)
{
    MetricsInput input = input_of({});
    MetricsInput::Durations &one = input.latency.emplace_back();
    one.operation = 1;
    one.buckets[0] = 2;
    one.buckets[6] = 3;
    one.buckets[gw::keys::Histogram::bounds] = 1;
    one.sum_ms = 400250;

    std::string text = written(input);
    std::string name = "gemini_request_duration_seconds";
    std::string labels = "{pool=\"main\",operation=\"chat_completions\"";

    EXPECT_TRUE(has_line(text, name + "_bucket" + labels
        + ",le=\"0.005\"} 2"));
    EXPECT_TRUE(has_line(text, name + "_bucket" + labels
        + ",le=\"0.25\"} 2"));
    EXPECT_TRUE(has_line(text, name + "_bucket" + labels
        + ",le=\"0.5\"} 5"));
    EXPECT_TRUE(has_line(text, name + "_bucket" + labels
        + ",le=\"2.5\"} 5"));
    EXPECT_TRUE(has_line(text, name + "_bucket" + labels
        + ",le=\"300\"} 5"));
    EXPECT_TRUE(has_line(text, name + "_bucket" + labels
        + ",le=\"+Inf\"} 6"));
    EXPECT_TRUE(has_line(text, name + "_sum" + labels + "} 400.25"));
    EXPECT_TRUE(has_line(text, name + "_count" + labels + "} 6"));
}

TEST(ViewMetrics, ShowTheLinkToRedisOnlyOfAPoolThatHasOne)
{
    MetricsInput input = input_of({});

    EXPECT_EQ(written(input).find("redis"), std::string::npos);

    input.redis.emplace();
    input.redis->up = true;
    input.redis->hosts = 3;
    input.redis->lost = 9;

    std::string text = written(input);

    EXPECT_TRUE(has_line(text, "gemini_redis_up{pool=\"main\"} 1"));
    EXPECT_TRUE(has_line(text, "gemini_redis_hosts{pool=\"main\"} 3"));
    EXPECT_TRUE(has_line(text, "gemini_redis_lost_total{pool=\"main\"} 9"));
}

TEST(ViewMetrics, TellTheStateOfKeysAndZone)
{
    MetricsInput input = input_of({});
    input.keys_ok = 4;
    input.keys_resting = 3;
    input.keys_invalid = 2;
    input.keys_no_token = 8;
    input.keys_disabled = 1;
    input.cells_lost = 5;
    input.open_streams = 6;
    input.tries_in_flight = 7;
    input.tables.push_back({ "cells", 10, 1024 });

    std::string text = written(input);

    for (const char *line : {
             "gemini_keys{pool=\"main\",state=\"ok\"} 4",
             "gemini_keys{pool=\"main\",state=\"resting\"} 3",
             "gemini_keys{pool=\"main\",state=\"invalid\"} 2",
             "gemini_keys{pool=\"main\",state=\"no_token\"} 8",
             "gemini_keys{pool=\"main\",state=\"disabled\"} 1",
             "gemini_cells_lost_total{pool=\"main\"} 5",
             "gemini_open_streams{pool=\"main\"} 6",
             "gemini_tries_in_flight{pool=\"main\"} 7",
             "gemini_zone_slots_used{pool=\"main\",table=\"cells\"} 10",
             "gemini_zone_slots{pool=\"main\",table=\"cells\"} 1024",
             "gemini_build_info{pool=\"main\",version=\"1.2.3\"} 1" })
    {
        EXPECT_TRUE(has_line(text, line)) << line;
    }
}

/// Three keys, and what their pool's counters say.
struct Bench {
    Bench() : memory(formatted_memory(gw::keys::Layout::for_keys(3))),
              pool(three_keys(), {})
    {
        EXPECT_TRUE(pool.adopt(memory.get()));
    }

    static std::vector<gw::keys::Credential> three_keys()
    {
        std::vector<gw::keys::Credential> list = credentials(3);
        list[0].name = "mail";
        // Somebody has named it by itself.
        list[1].name = list[1].secret;

        return list;
    }

    void count(Metric metric, unsigned status, std::string_view model,
        std::size_t key, std::uint64_t number = 1)
    {
        pool.metrics().add(series(metric, status,
            static_cast<unsigned>(pool.model_index(model)),
            pool.credentials()[key].slot + 1), number);
    }

    std::string text() const
    {
        MetricsInput input = gw::view::metrics_of(pool, pool_now);
        input.pool = "main";
        input.version = "1";

        return written(input);
    }

    Memory memory;
    gw::keys::Pool pool;
};

TEST(ViewMetrics, TakeNamesFromThePool)
{
    Bench bench;
    bench.count(Metric::tries, 200, "gemini-2.5-flash", 0, 3);

    EXPECT_TRUE(has_line(bench.text(), "gemini_tries_total{pool=\"main\","
        "status=\"200\",model=\"gemini-2.5-flash\",key=\"mail\"} 3"));
}

TEST(ViewMetrics, NeverHoldASecret)
{
    Bench bench;
    bench.count(Metric::tries, 200, "m", 1);

    EXPECT_EQ(bench.text().find(bench.pool.credentials()[1].secret),
        std::string::npos);
}

TEST(ViewMetrics, CountKeysByTheirState)
{
    Bench bench;
    bench.pool.failed(0, "m", verdict_of(gw::gemini::FailureClass::invalid),
        pool_now);
    bench.pool.failed(1, "m",
        verdict_of(gw::gemini::FailureClass::rate_limit, 60000), pool_now);

    std::string text = bench.text();

    EXPECT_TRUE(has_line(text, "gemini_keys{pool=\"main\",state=\"ok\"} 1"));
    EXPECT_TRUE(has_line(text,
        "gemini_keys{pool=\"main\",state=\"resting\"} 1"));
    EXPECT_TRUE(has_line(text,
        "gemini_keys{pool=\"main\",state=\"invalid\"} 1"));
    EXPECT_TRUE(has_line(text,
        "gemini_keys{pool=\"main\",state=\"disabled\"} 0"));
    EXPECT_TRUE(has_line(text,
        "gemini_zone_slots_used{pool=\"main\",table=\"keys\"} 3"));
    EXPECT_TRUE(has_line(text,
        "gemini_zone_slots_used{pool=\"main\",table=\"cells\"} 1"));
}

TEST(ViewMetrics, KeepWhatAKeyCountedThatIsConfiguredNoMore)
{
    Bench bench;
    bench.count(Metric::tries, 200, "m", 0, 3);
    bench.count(Metric::tries, 200, "m", 2, 4);

    gw::keys::Pool next({ bench.pool.credentials()[2] }, {});
    ASSERT_TRUE(next.adopt(bench.memory.get()));

    MetricsInput input = gw::view::metrics_of(next, pool_now);
    input.pool = "main";
    std::string text = written(input);
    std::string removed = "removed-"
        + std::to_string(bench.pool.credentials()[0].slot + 1);

    EXPECT_TRUE(has_line(text, "gemini_tries_total{pool=\"main\","
        "status=\"200\",model=\"m\",key=\"" + removed + "\"} 3"));
    EXPECT_TRUE(has_line(text, "gemini_tries_total{pool=\"main\","
        "status=\"200\",model=\"m\",key=\"key-2\"} 4"));
}

TEST(ViewMetrics, CountOpenStreamsAndTries)
{
    Bench bench;
    bench.pool.count_stream(1);
    bench.pool.count_stream(1);
    bench.pool.count_stream(-1);
    bench.pool.begin_try(0, pool_now);

    std::string text = bench.text();

    EXPECT_TRUE(has_line(text, "gemini_open_streams{pool=\"main\"} 1"));
    EXPECT_TRUE(has_line(text, "gemini_tries_in_flight{pool=\"main\"} 1"));
}

TEST(ViewMetrics, ShowHistogramsOfOperationsThatWere)
{
    Bench bench;
    std::uint8_t chat = gw::view::operation_number(
        gw::openai::Operation::chat_completions);
    bench.pool.metrics().latency(chat).add(1200);

    std::string text = bench.text();

    EXPECT_TRUE(has_line(text, "gemini_request_duration_seconds_sum{pool="
        "\"main\",operation=\"chat_completions\"} 1.2"));
    EXPECT_EQ(text.find("operation=\"models\""), std::string::npos);
    EXPECT_EQ(text.find("gemini_first_token_seconds_count"),
        std::string::npos);
}

}
