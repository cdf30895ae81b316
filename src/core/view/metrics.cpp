// The form: https://prometheus.io/docs/instrumenting/exposition_formats/. Each
// family stands in one piece, base units, counters end in _total.
#include "core/view/metrics.hpp"

#include "core/base/text.hpp"
#include "core/keys/regions.hpp"

#include <algorithm>
#include <iterator>
#include <map>

namespace gw::view {

namespace {

using keys::FailureClass;
using keys::Histogram;
using keys::Metric;
using keys::Series;

constexpr std::string_view other = "other";
constexpr std::string_view no_operation = "none";

constexpr std::string_view token_types[] = {
    "prompt", "completion", "reasoning", "cached"
};

/// Label names and values, ready to stand between braces.
class Labels {
public:
    explicit Labels(std::string_view pool) { add("pool", pool); }

    Labels &add(std::string_view name, std::string_view value)
    {
        if (!text_.empty()) {
            text_ += ',';
        }

        text_.append(name).append("=\"");
        append_escaped(value);
        text_ += '"';

        return *this;
    }

    Labels &add(std::string_view name, std::uint64_t value)
    {
        return add(name, std::string_view(std::to_string(value)));
    }

    const std::string &text() const { return text_; }

private:
    void append_escaped(std::string_view value)
    {
        while (!value.empty()) {
            std::size_t size = utf8_sequence(value);

            if (size == 0) {
                // One byte that is no UTF-8 would void the whole answer.
                text_ += "\xef\xbf\xbd";
                value.remove_prefix(1);
                continue;
            }

            switch (value.front()) {

            case '\\':
                text_ += "\\\\";
                break;

            case '"':
                text_ += "\\\"";
                break;

            case '\n':
                text_ += "\\n";
                break;

            default:
                text_ += value.substr(0, size);
            }

            value.remove_prefix(size);
        }
    }

    std::string text_;
};

/// Milliseconds in seconds, without needless zeros: "0.25", "1".
std::string seconds_text(std::uint64_t ms)
{
    std::string text = std::to_string(ms / 1000);

    if (ms % 1000 != 0) {
        std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
        fraction.erase(fraction.find_last_not_of('0') + 1);
        text += "." + fraction;
    }

    return text;
}

class Writer {
public:
    Writer(const MetricsInput &input, Output &out) : input_(input), out_(out)
    {
    }

    void family(std::string_view name, std::string_view type,
        std::string_view help)
    {
        name_ = name;
        out_.append("# HELP ");
        out_.append(name);
        out_.append(' ');
        out_.append(help);
        out_.append("\n# TYPE ");
        out_.append(name);
        out_.append(' ');
        out_.append(type);
        out_.append('\n');
    }

    void sample(const Labels &labels, std::string_view value,
        std::string_view suffix = {})
    {
        out_.append(name_);
        out_.append(suffix);
        out_.append('{');
        out_.append(labels.text());
        out_.append("} ");
        out_.append(value);
        out_.append('\n');
    }

    void sample(const Labels &labels, std::uint64_t value,
        std::string_view suffix = {})
    {
        sample(labels, std::string_view(std::to_string(value)), suffix);
    }

    void gauge(std::string_view name, std::string_view help,
        std::uint64_t value)
    {
        family(name, "gauge", help);
        sample(labels(), value);
    }

    void counter(std::string_view name, std::string_view help,
        std::uint64_t value)
    {
        family(name, "counter", help);
        sample(labels(), value);
    }

    /// All series of the metric, with the labels that `label` adds of its own
    /// before model and key.
    template <typename Label>
    void counters(Metric metric, std::string_view name, std::string_view help,
        Label &&label)
    {
        std::map<std::string, std::uint64_t> sums;

        for (const keys::MetricTable::Value &value : input_.series) {
            if (value.series.metric != metric) {
                continue;
            }

            Labels all = labels();
            label(all, value.series);
            all.add("model", model(value.series.model));
            all.add("key", key(value.series.credential));

            sums[all.text()] += value.count;
        }

        family(name, "counter", help);

        for (const auto &[text, sum] : sums) {
            out_.append(name_);
            out_.append('{');
            out_.append(text);
            out_.append("} ");
            out_.append(std::to_string(sum));
            out_.append('\n');
        }
    }

    void histogram(std::string_view name, std::string_view help,
        const std::vector<MetricsInput::Durations> &all);

    Labels labels() const { return Labels(input_.pool); }

private:
    std::string_view model(std::uint32_t number) const
    {
        auto found = input_.model_names.find(number);

        return number == 0 || found == input_.model_names.end()
            ? other : std::string_view(found->second);
    }

    std::string_view key(std::uint32_t number) const
    {
        auto found = input_.key_names.find(number);

        return number == 0 || found == input_.key_names.end()
            ? other : std::string_view(found->second);
    }

    const MetricsInput &input_;
    Output &out_;
    std::string_view name_;
};

std::string_view operation_text(std::uint8_t number)
{
    return number == 0
        ? no_operation
        : openai::name_of(static_cast<openai::Operation>(number - 1));
}

void add_status(Labels &labels, const Series &series)
{
    if (series.status == Series::other_status) {
        labels.add("status", other);
    } else {
        labels.add("status", std::uint64_t{series.status});
    }
}

void Writer::histogram(std::string_view name, std::string_view help,
    const std::vector<MetricsInput::Durations> &all)
{
    family(name, "histogram", help);

    for (const MetricsInput::Durations &one : all) {
        Labels base = labels();
        base.add("operation", operation_text(one.operation));

        std::uint64_t count = 0;

        for (std::size_t i = 0; i < Histogram::bounds; ++i) {
            count += one.buckets[i];

            Labels bucket = base;
            bucket.add("le", seconds_text(
                static_cast<std::uint64_t>(Histogram::bounds_ms[i])));
            sample(bucket, count, "_bucket");
        }

        count += one.buckets[Histogram::bounds];

        Labels last = base;
        last.add("le", "+Inf");
        sample(last, count, "_bucket");
        sample(base, seconds_text(one.sum_ms), "_sum");
        sample(base, count, "_count");
    }
}

void write_series(Writer &writer)
{
    writer.counters(Metric::requests, "gemini_requests_total",
        "Requests of clients by what they were answered.",
        [](Labels &labels, const Series &series) {
            labels.add("operation", operation_text(series.operation));
            add_status(labels, series);
        });

    writer.counters(Metric::tries, "gemini_tries_total",
        "Calls to Gemini by the answer's status; 0: none came.",
        [](Labels &labels, const Series &series) {
            add_status(labels, series);
        });

    writer.counters(Metric::rests, "gemini_rests_total",
        "Rests of keys that have begun.",
        [](Labels &labels, const Series &series) {
            labels.add("class", series.status < gemini::failure_classes
                ? gemini::name_of(static_cast<FailureClass>(series.status))
                : other);
        });

    writer.counters(Metric::tokens, "gemini_tokens_total",
        "Tokens that Gemini has counted; completion includes reasoning, "
        "prompt includes cached.",
        [](Labels &labels, const Series &series) {
            labels.add("type", series.status < std::size(token_types)
                ? token_types[series.status] : other);
        });
}

void write_gauges(Writer &writer, const MetricsInput &input)
{
    writer.gauge("gemini_open_streams", "Streams to clients that are open.",
        input.open_streams);
    writer.gauge("gemini_tries_in_flight", "Calls to Gemini under way.",
        input.tries_in_flight);

    const struct {
        std::string_view state;
        std::uint64_t count;
    } states[] = {
        { "ok", input.keys_ok },
        { "resting", input.keys_resting },
        { "invalid", input.keys_invalid },
        { "no_token", input.keys_no_token },
        { "disabled", input.keys_disabled },
    };

    writer.family("gemini_keys", "gauge",
        "Keys by state; resting: for at least one model.");

    for (const auto &row : states) {
        writer.sample(writer.labels().add("state", row.state), row.count);
    }

    if (input.redis) {
        writer.gauge("gemini_redis_up",
            "Whether this host is connected to Redis and in step.",
            input.redis->up ? 1 : 0);
        writer.gauge("gemini_redis_hosts", "Hosts that share the pool.",
            input.redis->hosts);
        writer.counter("gemini_redis_lost_total",
            "Connections to Redis that were lost.", input.redis->lost);
    }
}

void write_zone(Writer &writer, const MetricsInput &input)
{
    writer.family("gemini_zone_slots_used", "gauge",
        "Places taken in a table of the pool's zone.");

    for (const MetricsInput::Table &table : input.tables) {
        writer.sample(writer.labels().add("table", table.name), table.used);
    }

    writer.family("gemini_zone_slots", "gauge",
        "Places in a table of the pool's zone.");

    for (const MetricsInput::Table &table : input.tables) {
        writer.sample(writer.labels().add("table", table.name),
            table.capacity);
    }

    writer.counter("gemini_cells_lost_total",
        "Rests that found no place in the zone.", input.cells_lost);
}

/// Refused is worse than resting; what somebody has switched off is neither.
std::uint64_t &state_of(MetricsInput &input, const keys::Pool::View &view,
    std::int64_t now_ms)
{
    if (!view.credential->enabled) {
        return input.keys_disabled;
    }

    if (view.rest.until_ms == 0 && view.token
        && !view.token->usable(now_ms))
    {
        return input.keys_no_token;
    }

    if (view.rest.until_ms == 0 && view.models.empty()) {
        return input.keys_ok;
    }

    return view.rest.until_ms != 0
           && view.rest.failure == FailureClass::invalid
        ? input.keys_invalid : input.keys_resting;
}

void take_keys(MetricsInput &input, const keys::Pool &pool,
    std::int64_t now_ms)
{
    for (const keys::Pool::View &view : pool.view(now_ms)) {
        ++state_of(input, view, now_ms);
        input.tries_in_flight += view.in_flight;
    }

    // Removed ones too: what they have counted stays theirs.
    for (const keys::MetricTable::Value &value : input.series) {
        std::uint32_t number = value.series.credential;

        if (number == 0 || input.key_names.count(number) != 0) {
            continue;
        }

        std::size_t index = pool.credential_in(number - 1);

        // What the configuration no longer names has a number for a name: a
        // name it had shared would jump as it comes and goes.
        input.key_names[number] = index == keys::Choice::nobody
            ? "removed-" + std::to_string(number)
            : scrub(pool.credentials()[index].name,
                  pool.credentials()[index].secret);
    }
}

void take_durations(std::vector<MetricsInput::Durations> &all,
    std::uint8_t operation, const Histogram &histogram)
{
    MetricsInput::Durations one;
    std::uint64_t count = 0;

    one.operation = operation;
    one.sum_ms = histogram.sum_ms.load();

    for (std::size_t i = 0; i <= Histogram::bounds; ++i) {
        one.buckets[i] = histogram.buckets[i].load();
        count += one.buckets[i];
    }

    if (count != 0) {
        all.push_back(one);
    }
}

template <typename Record>
void take_table(MetricsInput &input, std::string_view name,
    const Record *records, std::uint64_t capacity)
{
    auto used = std::count_if(records, records + capacity,
        [](const Record &record) { return record.id.load() != 0; });

    input.tables.push_back(
        { name, static_cast<std::uint64_t>(used), capacity });
}

void take_tables(MetricsInput &input, const keys::Pool &pool)
{
    const keys::Header &header = pool.header();
    // Only read from.
    const keys::Regions regions =
        keys::regions_of(const_cast<keys::Header *>(&header));

    take_table(input, "keys", regions.keys, header.key_capacity);
    take_table(input, "added", regions.added, header.added_capacity);
    take_table(input, "cells", regions.cells, header.cell_capacity);
    take_table(input, "uses", regions.uses, header.use_capacity);
    take_table(input, "models", regions.models, header.model_capacity);
    take_table(input, "limits", regions.limits, header.limit_capacity);
    input.tables.push_back({ "series", pool.metrics().used(),
                             pool.metrics().capacity() });
}

}

std::uint8_t operation_number(std::optional<openai::Operation> operation)
{
    return operation ? static_cast<std::uint8_t>(
                           static_cast<unsigned>(*operation) + 1)
                     : std::uint8_t{0};
}

MetricsInput metrics_of(const keys::Pool &pool, std::int64_t now_ms)
{
    MetricsInput input;
    const keys::MetricTable &metrics = pool.metrics();

    input.series = metrics.values();
    take_keys(input, pool, now_ms);

    for (const keys::MetricTable::Value &value : input.series) {
        std::uint32_t number = value.series.model;

        if (number != 0 && input.model_names.count(number) == 0) {
            std::string name = pool.model_name(number);

            if (!name.empty()) {
                input.model_names.emplace(number, scrub(name));
            }
        }
    }

    for (std::uint8_t i = 1; i < keys::histogram_operations; ++i) {
        take_durations(input.latency, i, metrics.latency(i));
        take_durations(input.first_token, i, metrics.first_token(i));
    }

    input.open_streams = pool.open_streams();
    input.cells_lost = pool.header().cells_lost.load();
    take_tables(input, pool);

    return input;
}

void write_metrics(const MetricsInput &input, Output &out)
{
    Writer writer(input, out);

    write_series(writer);
    writer.histogram("gemini_request_duration_seconds",
        "From the first byte of a request to the last of its answer.",
        input.latency);
    writer.histogram("gemini_first_token_seconds",
        "From the first byte of a request to the first content of its "
        "stream.", input.first_token);
    write_gauges(writer, input);
    write_zone(writer, input);

    writer.family("gemini_build_info", "gauge", "The module's version.");
    writer.sample(writer.labels().add("version", input.version),
        std::uint64_t{1});
}

}
