// The top-level objects of a byte stream that is JSON but not SSE: Google's
// stream without alt=sse ("[{...}\n,\r\n{...}]"), and a bare error after the
// events of a broken one. Source: reference/stream-framing.md sections 2, 3.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gw::json {

/// Counts braces and knows strings and escapes; keeps no more than one object.
/// Brackets, commas and white space between objects are skipped.
class Elements {
public:
    explicit Elements(std::size_t max_object) : max_(max_object) {}

    enum class Step { more, object, too_large };

    /// Takes bytes from the front of `bytes`. object: `object` is one whole
    /// top-level object, valid until the next call; call again with the rest.
    /// It is not copied when it lies whole in `bytes`. more: all bytes were
    /// taken. too_large: there is no way on from here.
    Step next(std::string_view &bytes, std::string_view &object);

    /// Whether an object was begun and has not ended.
    bool inside() const { return depth_ > 0; }

private:
    std::size_t size_of_rest(std::string_view bytes);

    std::size_t max_;
    std::size_t depth_ = 0;
    bool in_string_ = false;
    bool escape_ = false;
    bool taken_ = false;        // kept_ was given away and may go
    bool failed_ = false;
    std::string kept_;
};

}
