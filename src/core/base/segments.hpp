// Paths of URIs by their segments. Doubled, leading and trailing slashes do
// not count.
#pragma once

#include <string_view>

namespace gw {

inline std::string_view without_slashes(std::string_view path)
{
    while (!path.empty() && path.front() == '/') {
        path.remove_prefix(1);
    }

    while (!path.empty() && path.back() == '/') {
        path.remove_suffix(1);
    }

    return path;
}

/// Takes the first segment off; empty: there is none.
inline std::string_view take_segment(std::string_view &path)
{
    path = without_slashes(path);
    std::string_view segment = path.substr(0, path.find('/'));
    path = without_slashes(path.substr(segment.size()));

    return segment;
}

/// Takes the first segment off if it is this one.
inline bool take_segment(std::string_view &path, std::string_view wanted)
{
    std::string_view rest = path;

    if (take_segment(rest) != wanted) {
        return false;
    }

    path = rest;
    return true;
}

}
