// Whatever is taken for base64 means the same bytes in Google's form, and any
// bytes survive the way there and back.
#include "core/base/base64.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string_view>

namespace {

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    using namespace gw;

    std::string_view text(reinterpret_cast<const char *>(bytes), size);
    Arena arena(std::pmr::new_delete_resource());

    std::string encoded = base64::encode(text);
    require(base64::decode(encoded) == text);
    require(base64::normalise(encoded, arena)->data() == encoded.data());

    auto decoded = base64::decode(text);
    auto normal = base64::normalise(text, arena);
    require(decoded.has_value() == normal.has_value());

    if (normal) {
        require(base64::decode(*normal) == decoded);
        require(normal->size() == (decoded->size() + 2) / 3 * 4);
        require(normal->size() % 4 == 0);

        auto again = base64::normalise(*normal, arena);
        require(again && again->data() == normal->data());
    }

    return 0;
}
