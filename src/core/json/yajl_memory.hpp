// The allocator of one yajl handle: it keeps count of what yajl holds, because
// an allocation that fails leaves yajl no way to free it.
#pragma once

#include <yajl/yajl_common.h>

#include <cstddef>
#include <cstdlib>
#include <new>

namespace gw::json {

/// What yajl allocates. yajl checks no allocation of its own, so a failed one
/// has to leave it altogether: it throws through yajl's frames. Those are C
/// and have nothing to clean up but memory, all of which is in this list, and
/// ELF ABIs carry unwind tables for C as well. The handle is of no use after
/// that, and is not freed by yajl in any case: the list goes as a whole.
class YajlMemory {
public:
    YajlMemory() { ends_.previous = ends_.next = &ends_; }

    YajlMemory(const YajlMemory &) = delete;
    YajlMemory &operator=(const YajlMemory &) = delete;

    ~YajlMemory()
    {
        for (Block *block = ends_.next; block != &ends_;) {
            Block *next = block->next;
            std::free(block);
            block = next;
        }
    }

    yajl_alloc_funcs functions()
    {
        return {allocate, reallocate, release, this};
    }

private:
    struct alignas(std::max_align_t) Block {
        Block *previous;
        Block *next;
    };

    static void *allocate(void *context, std::size_t size)
    {
        return reallocate(context, nullptr, size);
    }

    static void *reallocate(void *context, void *memory, std::size_t size)
    {
        auto &ends = static_cast<YajlMemory *>(context)->ends_;
        auto *old = memory == nullptr ? nullptr
                                      : static_cast<Block *>(memory) - 1;

        if (size > static_cast<std::size_t>(-1) - sizeof(Block)) {
            throw std::bad_alloc();
        }

        auto *block = static_cast<Block *>(
            std::realloc(old, size + sizeof(Block)));

        if (block == nullptr) {
            throw std::bad_alloc();
        }

        if (memory == nullptr) {
            block->previous = &ends;
            block->next = ends.next;
        }

        block->previous->next = block;
        block->next->previous = block;

        return block + 1;
    }

    static void release(void *, void *memory)
    {
        if (memory == nullptr) {
            return;
        }

        auto *block = static_cast<Block *>(memory) - 1;
        block->previous->next = block->next;
        block->next->previous = block->previous;
        std::free(block);
    }

    Block ends_;
};

}
