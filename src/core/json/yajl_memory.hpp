// The allocator of one yajl handle: it keeps count of what yajl holds, because
// an allocation that fails leaves yajl no way to free it.
#pragma once

#include <yajl/yajl_common.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>

namespace gw::json {

/// What yajl allocates. yajl checks no allocation of its own, so a failed one
/// has to leave it altogether: it throws through yajl's frames. Those are C
/// and have nothing to clean up but memory, all of which is in this list, and
/// ELF ABIs carry unwind tables for C as well. The handle is of no use after
/// that, and is not freed by yajl in any case: the list goes as a whole.
///
/// Small documents need no more than the room that is here, and no malloc.
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

    /// In front of what lies in the room: how much it is.
    struct alignas(std::max_align_t) Size {
        std::size_t bytes;
    };

    /// What yajl holds at once for a document with an escape or two: the
    /// handle, the lexer, a stack of states, and 2 KiB to decode into.
    static constexpr std::size_t room_size = 4096;

    static void *allocate(void *context, std::size_t size)
    {
        auto &self = *static_cast<YajlMemory *>(context);
        void *memory = self.take(size);

        return memory != nullptr ? memory : self.attach(nullptr, size);
    }

    static void *reallocate(void *context, void *memory, std::size_t size)
    {
        auto &self = *static_cast<YajlMemory *>(context);

        if (memory == nullptr) {
            return allocate(context, size);
        }

        if (!self.is_inside(memory)) {
            return self.attach(static_cast<Block *>(memory) - 1, size);
        }

        std::size_t old = (static_cast<Size *>(memory) - 1)->bytes;

        if (size <= old) {
            return memory;
        }

        void *moved = allocate(context, size);
        return std::memcpy(moved, memory, old);
    }

    static void release(void *context, void *memory)
    {
        // What lies in the room goes with it.
        if (memory == nullptr
            || static_cast<YajlMemory *>(context)->is_inside(memory))
        {
            return;
        }

        auto *block = static_cast<Block *>(memory) - 1;
        block->previous->next = block->next;
        block->next->previous = block->previous;
        std::free(block);
    }

    bool is_inside(const void *memory) const
    {
        std::less<const void *> before;
        return !before(memory, room_) && before(memory, room_ + room_size);
    }

    /// Out of the room; null when it is full.
    void *take(std::size_t size)
    {
        if (size > room_size) {
            return nullptr;
        }

        std::size_t rounded = (size + sizeof(Size) - 1) / sizeof(Size)
                              * sizeof(Size);

        if (sizeof(Size) + rounded > room_size - used_) {
            return nullptr;
        }

        auto *head = new (room_ + used_) Size{size};
        used_ += sizeof(Size) + rounded;

        return head + 1;
    }

    /// From malloc, into the list; old may be null.
    void *attach(Block *old, std::size_t size)
    {
        if (size > static_cast<std::size_t>(-1) - sizeof(Block)) {
            throw std::bad_alloc();
        }

        auto *block = static_cast<Block *>(
            std::realloc(old, size + sizeof(Block)));

        if (block == nullptr) {
            throw std::bad_alloc();
        }

        if (old == nullptr) {
            block->previous = &ends_;
            block->next = ends_.next;
        }

        block->previous->next = block;
        block->next->previous = block;

        return block + 1;
    }

    Block ends_;
    std::size_t used_ = 0;
    alignas(std::max_align_t) unsigned char room_[room_size];
};

}
