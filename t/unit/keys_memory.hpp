// A pool's memory as the zone gives it: zeroed, aligned, shared by the pools
// of several workers.
#pragma once

#include "core/keys/pool.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct Free {
    void operator()(void *memory) const { std::free(memory); }
};

using Memory = std::unique_ptr<void, Free>;

[[maybe_unused]] Memory zeroed_memory(const gw::keys::Layout &layout)
{
    std::size_t size = (layout.bytes() + 63) / 64 * 64;
    void *memory = std::aligned_alloc(64, size);

    if (memory == nullptr) {
        throw std::bad_alloc();
    }

    std::memset(memory, 0, size);

    return Memory(memory);
}

[[maybe_unused]] Memory formatted_memory(const gw::keys::Layout &layout)
{
    Memory memory = zeroed_memory(layout);
    gw::keys::Pool::format(memory.get(), layout);

    return memory;
}

/// As small as a zone's can be, with room for exactly so many keys.
[[maybe_unused]] gw::keys::Layout small_layout(std::uint32_t keys)
{
    gw::keys::Layout layout{};
    layout.key_capacity = keys;
    layout.cell_capacity = 64;
    layout.model_capacity = 16;
    layout.limit_capacity = 64;
    layout.use_capacity = 64;
    layout.added_capacity = 4;
    layout.journal_capacity = 64;
    layout.trail_capacity = 4;
    layout.metric_capacity = 32;
    layout.resource_capacity = 32;
    layout.token_capacity = 2;

    return layout;
}

[[maybe_unused]] std::vector<gw::keys::Credential> credentials(
    std::size_t count, unsigned weight = 1)
{
    std::vector<gw::keys::Credential> list(count);

    for (std::size_t i = 0; i < count; ++i) {
        list[i].secret = "secret-of-key-" + std::to_string(i);
        list[i].name = "key-" + std::to_string(i);
        list[i].weight = weight;
    }

    return list;
}

[[maybe_unused]] gw::gemini::Verdict verdict_of(
    gw::gemini::FailureClass failure,
    std::optional<std::int64_t> retry_after_ms = std::nullopt)
{
    gw::gemini::Verdict verdict;
    verdict.failure = failure;
    verdict.retry_after_ms = retry_after_ms;

    return verdict;
}

constexpr std::int64_t pool_now = 1768507200000;

/// A pool in its memory.
struct PoolBench {
    explicit PoolBench(std::vector<gw::keys::Credential> list,
        gw::keys::PoolOptions options = {})
        : memory(formatted_memory(gw::keys::Layout::for_keys(list.size()))),
          pool(std::move(list), std::move(options))
    {
        EXPECT_TRUE(pool.adopt(memory.get()));
    }

    bool usable(std::size_t key, std::string_view model = "m",
        std::int64_t at = pool_now)
    {
        std::vector<std::size_t> others;

        for (std::size_t i = 0; i < pool.credentials().size(); ++i) {
            if (i != key) {
                others.push_back(i);
            }
        }

        gw::keys::Wanted wanted;
        wanted.model = model;
        wanted.tried = others.data();
        wanted.tried_count = others.size();
        wanted.now_ms = at;

        return pool.choose(wanted).ok();
    }

    gw::keys::Pool::Consequence fail(std::size_t key,
        gw::gemini::FailureClass failure,
        std::string_view model = "m", std::int64_t at = pool_now,
        std::optional<std::int64_t> retry = std::nullopt)
    {
        return pool.failed(key, model, verdict_of(failure, retry), at);
    }

    /// What the journal tells from an event on.
    std::vector<gw::keys::Event> events(std::uint64_t from = 0)
    {
        std::vector<gw::keys::Event> found;
        gw::keys::Event event;

        for ( ; pool.journal().read(from, event)
                == gw::keys::Journal::Read::ok; ++from)
        {
            found.push_back(event);
        }

        return found;
    }

    Memory memory;
    gw::keys::Pool pool;
};

/// Two keys of one project, and one of its own.
[[maybe_unused]] std::vector<gw::keys::Credential> with_project()
{
    std::vector<gw::keys::Credential> list = credentials(3);
    list[0].project = "shared";
    list[1].project = "shared";

    return list;
}

}
