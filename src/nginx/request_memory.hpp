// What a request's arenas take their blocks from.
#pragma once

#include "nginx/recycled.hpp"

#include <cstddef>
#include <memory_resource>
#include <new>

namespace gw::ngx {

/// Blocks outlive no request: whoever took one gives it back, arenas in their
/// destructors, which run when the request's context ends.
class RequestMemory final : public std::pmr::memory_resource {
private:
    void *do_allocate(std::size_t size, std::size_t align) override
    {
        void *memory = align <= alignof(std::max_align_t)
            ? take_recycled(size) : nullptr;

        if (memory == nullptr) {
            throw std::bad_alloc();
        }

        return memory;
    }

    void do_deallocate(void *memory, std::size_t size, std::size_t) override
    {
        give_recycled(memory, size);
    }

    bool do_is_equal(
        const std::pmr::memory_resource &other) const noexcept override
    {
        return this == &other;
    }
};

}
