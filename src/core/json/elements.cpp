// Where the top-level objects of a stream begin and end.
#include "core/json/elements.hpp"

namespace gw::json {

namespace {

// A buffer that had to hold more goes back, so that one large object does not
// stay with the stream.
constexpr std::size_t keep_capacity = 64 * 1024;

}

Elements::Step Elements::next(std::string_view &bytes,
    std::string_view &object)
{
    if (failed_) {
        return Step::too_large;
    }

    if (taken_) {
        taken_ = false;
        kept_.clear();

        if (kept_.capacity() > keep_capacity) {
            std::string().swap(kept_);
        }
    }

    if (depth_ == 0) {
        std::size_t begin = bytes.find('{');

        if (begin == std::string_view::npos) {
            bytes.remove_prefix(bytes.size());
            return Step::more;
        }

        bytes.remove_prefix(begin);
    }

    std::size_t size = size_of_rest(bytes);

    if (size > max_ - kept_.size()) {
        failed_ = true;
        return Step::too_large;
    }

    object = bytes.substr(0, size);
    bytes.remove_prefix(size);

    if (depth_ > 0) {
        kept_ += object;
        object = {};
        return Step::more;
    }

    if (!kept_.empty()) {
        kept_ += object;
        object = kept_;
        taken_ = true;
    }

    return Step::object;
}

// Up to the brace that closes the object, or all there is.
std::size_t Elements::size_of_rest(std::string_view bytes)
{
    std::size_t i = 0;

    while (i < bytes.size()) {
        char c = bytes[i++];

        if (escape_) {
            escape_ = false;

        } else if (in_string_) {
            if (c == '\\') {
                escape_ = true;
            } else if (c == '"') {
                in_string_ = false;
            }

        } else if (c == '"') {
            in_string_ = true;

        } else if (c == '{') {
            ++depth_;

        } else if (c == '}' && --depth_ == 0) {
            break;
        }
    }

    return i;
}

}
