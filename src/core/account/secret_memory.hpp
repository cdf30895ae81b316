// Memory that leaves nothing behind: what is parsed out of a key file or of a
// token endpoint's answer lies here.
#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <memory_resource>

namespace gw::account {

class SecretMemory final : public std::pmr::memory_resource {
    void *do_allocate(std::size_t size, std::size_t align) override
    {
        return std::pmr::new_delete_resource()->allocate(size, align);
    }

    void do_deallocate(void *memory, std::size_t size,
        std::size_t align) override
    {
        OPENSSL_cleanse(memory, size);
        std::pmr::new_delete_resource()->deallocate(memory, size, align);
    }

    bool do_is_equal(
        const std::pmr::memory_resource &other) const noexcept override
    {
        return this == &other;
    }
};

}
