#include "nginx/recycled.hpp"

#include "nginx/ngx.hpp"

namespace gw::ngx {

namespace {

// Arenas begin with 2 KB and double, read buffers are of a few pages.
constexpr unsigned least_bits = 11;
constexpr unsigned most_bits = 16;
constexpr std::size_t most_kept_bytes = 1024 * 1024;   // of one size

/// Blocks of one size, each of which begins with a pointer to the next.
struct Kept {
    std::size_t bytes;
    void *first;
};

[[maybe_unused]] Kept lists[most_bits - least_bits + 1];

/// nullptr: blocks of that size are not kept.
Kept *list_of([[maybe_unused]] std::size_t size)
{
#if (NGX_DEBUG_PALLOC)
    // So that tools see who uses what after its end.
    return nullptr;
#else
    for (unsigned bits = least_bits; bits <= most_bits; ++bits) {
        if (size == std::size_t{1} << bits) {
            return &lists[bits - least_bits];
        }
    }

    return nullptr;
#endif
}

}

void *take_recycled(std::size_t size) noexcept
{
    Kept *list = list_of(size);

    if (list == nullptr || list->first == nullptr) {
        return ngx_alloc(size, ngx_cycle->log);
    }

    void *block = list->first;

    list->first = *static_cast<void **>(block);
    list->bytes -= size;

    return block;
}

void give_recycled(void *memory, std::size_t size) noexcept
{
    Kept *list = list_of(size);

    if (list == nullptr || list->bytes + size > most_kept_bytes) {
        ngx_free(memory);
        return;
    }

    *static_cast<void **>(memory) = list->first;
    list->first = memory;
    list->bytes += size;
}

}
