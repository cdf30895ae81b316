// Whatever a client asks for: what goes to Vertex AI is a path in the
// credential's own project and location, or of Google's models, whatever the
// client's path said; and what a body says of a place is a part of it.
#include "core/base/text.hpp"
#include "core/gemini/family.hpp"
#include "core/gemini/vertex_route.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace gw;

constexpr gemini::Place place{gemini::Api::vertex, "ours", "eu"};

void require(bool condition)
{
    if (!condition) {
        __builtin_trap();
    }
}

std::string written(const gemini::VertexRoute &route)
{
    StringOutput out;
    gemini::write_vertex_path(route, route.model, place, out);
    return out.take();
}

void check(std::string_view method, std::string_view uri,
    std::string_view prefix)
{
    auto found = gemini::vertex_route(method, uri, prefix);

    if (!found) {
        return;
    }

    if (!*found) {
        const Error &error = found->error();

        require(!error.message.empty());
        require(error.kind == ErrorKind::unknown_url
                || !error.param.empty());
        return;
    }

    const gemini::VertexRoute &route = found->value();

    require(route.version == "v1" || route.version == "v1beta1");
    require(route.model.empty() == (route.operation == Operation::models));

    if (!route.model.empty() && !gemini::valid_model(route.model)) {
        return;
    }

    std::string path = written(route);
    std::string parent = "/" + std::string(route.version);

    if (!gemini::is_get(route.operation)) {
        parent += "/projects/ours/locations/eu";
    }

    require(starts_with(path, parent + "/publishers/google/models"));
    require(path.find("..") == std::string::npos);
    require(path.find("//") == std::string::npos);
    require(path.find_first_of(" ?#%\r\n") == std::string::npos);

    // A client may ask for what it was itself asked for.
    auto again = gemini::vertex_route(
        gemini::is_get(route.operation) ? "GET" : "POST", path, "/");
    require(again && *again && written(again->value()) == path);
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(data), size);
    std::string_view line = text.substr(0, text.find('\n'));
    std::string_view body = text.substr(
        line.size() < text.size() ? line.size() + 1 : text.size());

    for (std::string_view prefix : {"/", "/v1/", "/own/", "/v1/projects/"}) {
        check("POST", line, prefix);
        check("GET", line, prefix);
    }

    gemini::Place told = gemini::place_of_operation(body);

    require(told.project.empty() == told.location.empty());
    require(told.project.find('/') == std::string_view::npos
            && told.location.find('/') == std::string_view::npos);
    require(body.find(told.project) != std::string_view::npos
            && body.find(told.location) != std::string_view::npos);

    return 0;
}
