// Memory that is handed out and never given back one by one: a request's or an
// event's. It has a limit, and it can start over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace gw {

/// Bump allocator over blocks of an upstream resource. Throws std::bad_alloc
/// when upstream does or when more than `limit` bytes are held. reset() keeps
/// the first block, so a stream that parses event after event asks upstream
/// for memory once.
class Arena {
public:
    static constexpr std::size_t first_block = 2048;

    explicit Arena(std::pmr::memory_resource *upstream,
        std::size_t limit = std::size_t{1} << 30)
        : upstream_(upstream), limit_(limit)
    {
    }

    Arena(const Arena &) = delete;
    Arena &operator=(const Arena &) = delete;

    ~Arena() { release(nullptr); }

    void *allocate(std::size_t size, std::size_t align)
    {
        auto at = (reinterpret_cast<std::uintptr_t>(position_) + align - 1)
                  & ~(align - 1);

        if (position_ == nullptr
            || at + size > reinterpret_cast<std::uintptr_t>(end_))
        {
            add_block(size + align);
            at = (reinterpret_cast<std::uintptr_t>(position_) + align - 1)
                 & ~(align - 1);
        }

        position_ = reinterpret_cast<char *>(at + size);
        return reinterpret_cast<void *>(at);
    }

    /// T must need no destructor: nobody will call it.
    template <typename T, typename... Args>
    T *make(Args &&...args)
    {
        static_assert(std::is_trivially_destructible_v<T>);
        return new (allocate(sizeof(T), alignof(T)))
            T{std::forward<Args>(args)...};
    }

    char *allocate_text(std::size_t size)
    {
        return static_cast<char *>(allocate(size, 1));
    }

    std::string_view copy(std::string_view text)
    {
        if (text.empty()) {
            return {};
        }

        char *p = allocate_text(text.size());
        std::memcpy(p, text.data(), text.size());
        return {p, text.size()};
    }

    /// Forgets everything handed out; keeps the first block.
    void reset()
    {
        if (last_ == nullptr) {
            return;
        }

        release(first_);
        last_ = first_;
        position_ = reinterpret_cast<char *>(first_ + 1);
        end_ = reinterpret_cast<char *>(first_) + first_->size;
    }

    /// Bytes held from upstream.
    std::size_t held() const { return held_; }

private:
    struct Block {
        Block *previous;
        std::size_t size;
    };

    void add_block(std::size_t least)
    {
        std::size_t size = last_ == nullptr ? first_block : last_->size * 2;

        if (size > (std::size_t{1} << 20)) {
            size = std::size_t{1} << 20;
        }

        if (size < least + sizeof(Block)) {
            size = least + sizeof(Block);
        }

        if (size > limit_ - held_) {
            throw std::bad_alloc();
        }

        auto *block = static_cast<Block *>(
            upstream_->allocate(size, alignof(std::max_align_t)));

        block->previous = last_;
        block->size = size;
        held_ += size;

        if (first_ == nullptr) {
            first_ = block;
        }

        last_ = block;
        position_ = reinterpret_cast<char *>(block + 1);
        end_ = reinterpret_cast<char *>(block) + size;
    }

    void release(Block *keep)
    {
        while (last_ != keep) {
            Block *block = last_;
            last_ = block->previous;
            held_ -= block->size;
            upstream_->deallocate(block, block->size,
                alignof(std::max_align_t));
        }
    }

    std::pmr::memory_resource *upstream_;
    std::size_t limit_;
    std::size_t held_ = 0;
    Block *first_ = nullptr;
    Block *last_ = nullptr;
    char *position_ = nullptr;
    char *end_ = nullptr;
};

}
