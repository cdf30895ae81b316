// A ring as the journal's: number and check make a record valid, and nobody
// waits for a writer.
#include "core/keys/trail.hpp"

#include "core/keys/mix.hpp"

#include <algorithm>

namespace gw::keys {

namespace {

constexpr int failure_shift = 8;
constexpr int time_shift = 16;
constexpr std::int64_t last_time = (std::int64_t{1} << (64 - time_shift)) - 1;

std::uint64_t mark_word(Why why, gemini::FailureClass failure,
    std::int64_t back_at_ms)
{
    auto back = static_cast<std::uint64_t>(
        std::clamp<std::int64_t>(back_at_ms, 0, last_time));

    return static_cast<std::uint64_t>(why)
        | static_cast<std::uint64_t>(failure) << failure_shift
        | back << time_shift;
}

/// false: what no writer of this layout writes.
bool read_mark(std::uint64_t id, std::uint64_t word, KeptTrail::Mark &mark)
{
    std::uint64_t why = word & 0xff;
    std::uint64_t failure = word >> failure_shift & 0xff;

    if (why >= static_cast<std::uint64_t>(Why::whys)
        || failure >= gemini::failure_classes)
    {
        return false;
    }

    mark.credential_id = id;
    mark.why = static_cast<Why>(why);
    mark.failure = static_cast<gemini::FailureClass>(failure);
    mark.back_at_ms = static_cast<std::int64_t>(word >> time_shift);

    return true;
}

/// Tells a record of two writers from a whole one; nobody forges it. FNV-1a by
/// words, because each choice pays for it.
class Check {
public:
    explicit Check(std::uint64_t number) : sum_(mix(number + 1)) {}

    std::uint64_t add(std::uint64_t word)
    {
        sum_ = (sum_ ^ word) * 0x100000001b3u;
        return word;
    }

    std::uint64_t sum() const { return mix(sum_); }

private:
    std::uint64_t sum_;
};

bool read_record(const TrailRecord &record, std::uint64_t number,
    KeptTrail &trail)
{
    if (record.number.load() != number + 1) {
        return false;
    }

    std::uint64_t count = record.count.load(std::memory_order_relaxed);

    if (count > Trail::most) {
        return false;
    }

    Check check(number);

    auto next = [&check](const Word &word) {
        return check.add(word.load(std::memory_order_relaxed));
    };

    check.add(count);
    trail.at_ms = static_cast<std::int64_t>(next(record.at_ms));
    trail.request[0] = next(record.request[0]);
    trail.request[1] = next(record.request[1]);
    trail.model = next(record.model);
    trail.marks.resize(count);

    for (std::size_t i = 0; i < count; ++i) {
        std::uint64_t id = next(record.marks[2 * i]);

        if (!read_mark(id, next(record.marks[2 * i + 1]), trail.marks[i])) {
            return false;
        }
    }

    return record.check.load(std::memory_order_relaxed) == check.sum();
}

}

std::string_view name_of(Why why)
{
    switch (why) {

    case Why::taken:
        return "taken";

    case Why::resting:
        return "resting";

    case Why::over_rpm:
        return "over_rpm";

    case Why::over_rpd:
        return "over_rpd";

    case Why::over_tpm:
        return "over_tpm";

    case Why::over_tpd:
        return "over_tpd";

    case Why::tried:
        return "tried";

    case Why::passed_over:
        return "passed_over";

    case Why::lost:
        return "lost";

    case Why::no_token:
        return "no_token";

    case Why::whys:
        break;
    }

    return "unknown";
}

void TrailRing::keep(std::int64_t at_ms, const std::uint64_t (&request)[2],
    std::uint64_t model, const Trail &trail, const std::uint64_t *ids)
{
    if (capacity_ == 0) {
        return;
    }

    std::uint64_t number = next_->fetch_add(1, std::memory_order_relaxed);
    TrailRecord &record = records_[number % capacity_];
    std::uint64_t seen = record.number.load();

    do {
        if (seen > number + 1) {
            return;             // the ring has gone round since
        }

    } while (!record.number.compare_exchange_weak(seen, 0));

    Check check(number);

    auto write = [&check](Word &word, std::uint64_t value) {
        word.store(check.add(value), std::memory_order_relaxed);
    };

    write(record.count, trail.count);
    write(record.at_ms, static_cast<std::uint64_t>(at_ms));
    write(record.request[0], request[0]);
    write(record.request[1], request[1]);
    write(record.model, model);

    for (std::size_t i = 0; i < trail.count; ++i) {
        const Step &step = trail.steps[i];

        write(record.marks[2 * i], ids[i]);
        write(record.marks[2 * i + 1],
            mark_word(step.why, step.failure, step.back_at_ms));
    }

    record.check.store(check.sum(), std::memory_order_relaxed);

    seen = 0;
    record.number.compare_exchange_strong(seen, number + 1);
}

std::vector<KeptTrail> TrailRing::newest(std::size_t most) const
{
    std::vector<KeptTrail> trails;
    std::uint64_t next = next_->load();
    std::uint64_t steps = std::min<std::uint64_t>(next, capacity_);

    for (std::uint64_t i = 1; i <= steps && trails.size() < most; ++i) {
        std::uint64_t number = next - i;
        KeptTrail trail;

        if (read_record(records_[number % capacity_], number, trail)) {
            trails.push_back(std::move(trail));
        }
    }

    return trails;
}

}
