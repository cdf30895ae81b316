// Thought signatures of the function calls we have passed on, by the id of the
// call, for clients that send back the id alone.
// Source: reference/chat-request.md section 7.
#pragma once

#include "core/keys/record.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw::keys {

/// A fixed room in shared memory, in places of three sizes; when those near
/// are taken, the one written longest ago gives way. No lock: a place says how
/// often it was written, so a reader notices a writer, and one that was killed
/// leaves a place empty, never half a signature.
class SignatureCache {
public:
    /// Longer ones are not kept.
    static constexpr std::size_t max_signature = 32 * 1024 - 64;

    /// memory: size bytes, aligned to 64; all zero before its first use.
    SignatureCache(void *memory, std::size_t size);

    /// id: a hash of the call's id and of whoever may use it; not zero.
    void keep(std::uint64_t id, std::string_view signature,
        std::int64_t now_ms);

    /// false: it is not there, or is just being written.
    bool find(std::uint64_t id, std::string &signature) const;

    /// Takes over what another one holds, as far as there is room; nobody else
    /// may use this one yet.
    void copy_from(const SignatureCache &former);

private:
    struct Place;

    static constexpr std::size_t classes = 3;

    struct Region {
        unsigned char *start;
        std::size_t place_bytes;
        std::size_t count;

        Place &at(std::size_t i) const;
        std::size_t capacity() const;
        /// How many neighbouring places an id may lie in.
        std::size_t reach() const;
        std::size_t first(std::uint64_t id) const;
    };

    /// Free, or the one written longest ago; nullptr: all are being written.
    static Place *victim(const Region &region, std::uint64_t id,
        std::int64_t now_ms);
    static bool write(Place &place, std::uint64_t id,
        std::string_view signature, std::int64_t now_ms);
    static bool read(const Place &place, std::size_t capacity,
        std::uint64_t id, std::string &signature);

    Region regions_[classes];
};

}
