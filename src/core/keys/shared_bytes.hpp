// Bytes of records that are read while they may be written: what was torn is
// found out by the record's version, but no byte's access may be a race.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gw::keys {

/// What is behind the text becomes zeroes.
inline void write_bytes(char *place, std::size_t size, std::string_view text)
{
    for (std::size_t i = 0; i < size; ++i) {
        __atomic_store_n(place + i, i < text.size() ? text[i] : '\0',
            __ATOMIC_RELAXED);
    }
}

inline void read_bytes(const char *place, std::size_t size, std::string &text)
{
    text.resize(size);

    for (std::size_t i = 0; i < size; ++i) {
        text[i] = __atomic_load_n(place + i, __ATOMIC_RELAXED);
    }
}

}
