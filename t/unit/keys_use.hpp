// What the tests of usage have in common.
#pragma once

#include "core/keys/use.hpp"

#include <cstdint>
#include <memory>

namespace {

using namespace gw::keys;

[[maybe_unused]] constexpr std::int64_t second = 1000;
[[maybe_unused]] constexpr std::int64_t minute = 60 * second;
[[maybe_unused]] constexpr std::int64_t start = 1768507200000;       // noon Pacific

[[maybe_unused]] Limits limits_of(std::int64_t rpm, std::int64_t rpd = 0,
    std::int64_t tpm = 0, std::int64_t tpd = 0)
{
    return { rpm, rpd, tpm, tpd };
}

[[maybe_unused]] std::unique_ptr<UseRecord> record_of(std::uint64_t id)
{
    auto record = std::make_unique<UseRecord>();
    record->id.store(id);

    return record;
}

[[maybe_unused]] bool take(UseRecord &record, const Limits &limits, std::int64_t tokens = 0,
    std::int64_t now_ms = start, HostShare share = {})
{
    Reservation reservation;

    return reserve(record, limits, tokens, share, now_ms, reservation);
}

struct Counts {
    std::int64_t rpm, rpd, tpm, tpd, unsent_requests, unsent_tokens;

    bool operator==(const Counts &other) const
    {
        return rpm == other.rpm && rpd == other.rpd && tpm == other.tpm
            && tpd == other.tpd && unsent_requests == other.unsent_requests
            && unsent_tokens == other.unsent_tokens;
    }
};

[[maybe_unused]] Counts counts_of(const UseRecord &record, std::int64_t now_ms = start)
{
    return { record.requests_minute.sum(now_ms),
             record.requests_day.sum(now_ms),
             record.tokens_minute.sum(now_ms),
             record.tokens_day.sum(now_ms),
             static_cast<std::int64_t>(record.unsent_requests.load()),
             static_cast<std::int64_t>(record.unsent_tokens.load()) };
}

}
