// A pool's memory as the zone gives it: zeroed, aligned, shared by the pools
// of several workers.
#pragma once

#include "core/keys/pool.hpp"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
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

}
