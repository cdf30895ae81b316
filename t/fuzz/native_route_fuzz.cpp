// Whatever a client asks for under gemini_pass native: what goes upstream is a
// path of Google's models and no more, without a credential and fit for a
// request line; a stream of a front leaves as it came.
#include "core/base/text.hpp"
#include "core/front/native.hpp"
#include "core/gemini/family.hpp"
#include "core/gemini/native_route.hpp"
#include "core/gemini/resource_route.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace gw;

void require(bool condition)
{
    if (!condition) {
        __builtin_trap();
    }
}

void check_query(std::string_view query)
{
    StringOutput once;
    gemini::write_native_query(query, once);
    std::string kept = once.take();

    require(kept.empty() || (kept[0] == '?' && kept.size() > 1));

    for (char c : kept) {
        require(static_cast<unsigned char>(c) > ' ' && c != '#'
                && c != '\x7f');
    }

    if (kept.empty()) {
        return;
    }

    // Nothing that was kept is taken out the second time.
    StringOutput again;
    gemini::write_native_query(std::string_view(kept).substr(1), again);
    require(again.view() == kept);

    std::string_view rest = std::string_view(kept).substr(1);

    while (!rest.empty()) {
        std::string_view argument = rest.substr(0, rest.find('&'));
        std::string_view name = argument.substr(0, argument.find('='));

        require(!iequals(name, "key") && !iequals(name, "$key")
                && !iequals(name, "access_token"));
        rest.remove_prefix(argument.size());
        rest.remove_prefix(rest.empty() ? 0 : 1);
    }
}

void check_route(std::string_view method, std::string_view uri,
    std::string_view prefix)
{
    auto route = gemini::native_route(method, uri, prefix);

    if (!route) {
        require(!route.error().message.empty());
        require(route.error().kind == ErrorKind::unknown_url
                || !route.error().param.empty());
        return;
    }

    // vertex_route_fuzz
    if (!route->vertex.empty()) {
        return;
    }

    if (gemini::is_about_resources(route->operation)) {
        StringOutput out;
        gemini::write_native_path(route.value(), {}, {}, out);
        require(starts_with(out.view(), "/v1beta/")
                || starts_with(out.view(), "/upload/v1beta/")
                || starts_with(out.view(), "/download/v1beta/"));
        require(out.view().find("..") == std::string_view::npos);
        require(out.view().find("//") == std::string_view::npos);
        require(out.view().find_first_of(" ?#%\r\n")
                == std::string_view::npos);
        return;
    }

    bool list = route->operation == Operation::models;
    require(route->model.empty() == list || !list);

    if (!list && !gemini::valid_model(route->model)) {
        return;
    }

    StringOutput out;
    gemini::write_native_path(route.value(), route->model, {}, out);
    require(starts_with(out.view(), "/v1beta/models"));
    require(out.view().find("..") == std::string_view::npos);
    require(out.view().find_first_of(" ?#%\r\n") == std::string_view::npos);
}

void check_stream(std::string_view bytes, std::size_t piece, bool events)
{
    constexpr std::size_t max_event = 1 << 16;
    gemini::NativeRoute route;
    route.operation = Operation::stream_generate_content;
    route.model = "m";

    front::Native front(route,
        events ? "alt=sse" : "", max_event,
        std::pmr::new_delete_resource());
    StringOutput out;
    std::string_view rest = bytes;

    while (!rest.empty()) {
        if (front.feed(rest.substr(0, piece), out)
            == translate::StreamState::failed)
        {
            break;
        }

        rest.remove_prefix(piece < rest.size() ? piece : rest.size());
    }

    auto state = rest.empty()
        ? front.finish(translate::StreamEnd::complete, out)
        : translate::StreamState::failed;

    require(starts_with(bytes, out.view()));
    require(state == translate::StreamState::failed || out.view() == bytes);
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(data), size);
    std::string_view line = text.substr(0, text.find('\n'));
    std::string_view method = line.substr(0, line.find(' '));
    std::string_view uri = line.substr(method.size());

    if (!uri.empty()) {
        uri.remove_prefix(1);
    }

    for (std::string_view prefix : {"/", "/v1beta/", "/own/", "/v1/models/"})
    {
        check_route(method, uri, prefix);
        check_route("POST", uri, prefix);
        check_route("GET", uri, prefix);
    }

    check_query(uri.substr(uri.find('?') == std::string_view::npos
        ? 0 : uri.find('?') + 1));
    check_stream(text, 1 + size % 7, size % 2 != 0);

    return 0;
}
