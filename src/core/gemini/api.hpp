// The two APIs that Google serves its models by. A credential speaks one of
// them, a request may be served by one or by both.
#pragma once

#include <cstdint>
#include <string_view>

namespace gw::gemini {

enum class Api : std::uint8_t {
    gemini,             // generativelanguage.googleapis.com
    vertex              // aiplatform.googleapis.com
};

/// A set of them, a bit each.
using Apis = std::uint8_t;

constexpr Apis only(Api api)
{
    return static_cast<Apis>(1u << static_cast<unsigned>(api));
}

constexpr Apis every_api = only(Api::gemini) | only(Api::vertex);

constexpr bool contains(Apis apis, Api api)
{
    return (apis & only(api)) != 0;
}

/// What of a credential stands in a request's path.
struct Place {
    Api api = Api::gemini;
    // Of Vertex AI only.
    std::string_view project;
    std::string_view location;
};

}
