// What the admin API takes is within its bounds and can be kept: secrets that
// can be sent in a header, names that are no keys, weights in range. What it
// refuses, it refuses without repeating a key.
#include "core/admin/body.hpp"
#include "core/admin/origin.hpp"
#include "core/admin/route.hpp"
#include "core/base/text.hpp"
#include "core/keys/added.hpp"
#include "core/keys/secret.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace {

void require(bool condition)
{
    if (!condition) {
        __builtin_trap();
    }
}

void check_weight(const std::optional<unsigned> &weight)
{
    require(!weight || (*weight >= 1 && *weight <= gw::admin::max_weight));
}

void check_key(const gw::admin::NewKey &key)
{
    require(gw::keys::secret_problem(key.secret).empty());
    require(key.name.size() <= gw::keys::KeyChange::max_name);
    require(key.project.size() <= gw::keys::KeyChange::max_project);
    require(gw::valid_utf8(key.name) && gw::valid_utf8(key.project));
    require(key.name.find(key.secret) == std::string::npos);
    check_weight(key.weight);
}

void check_bodies(std::string_view text)
{
    if (auto key = gw::admin::read_new_key(text)) {
        check_key(key.value());
    }

    if (auto edit = gw::admin::read_key_edit(text)) {
        require(edit->enabled || edit->name || edit->weight);

        if (edit->name && *edit->name) {
            require(gw::admin::name_problem(**edit->name, {}).empty());
        }

        if (edit->weight) {
            check_weight(*edit->weight);
        }
    }

    if (auto lines = gw::admin::read_import(text)) {
        std::size_t last = 0;

        for (const gw::admin::ImportLine &line : lines.value()) {
            require(line.number > last);
            last = line.number;

            if (line.problem.empty()) {
                check_key(line.key);
            } else if (line.key.secret.size() > 64) {
                require(line.problem.find(line.key.secret)
                    == std::string::npos);
            }
        }
    }
}

void check_path(std::string_view text)
{
    std::string_view method = text.substr(0, text.find(' '));
    std::string_view uri = text.substr(method.size());

    if (!uri.empty()) {
        uri.remove_prefix(1);
    }

    auto route = gw::admin::route(method, uri, "/gemini/");

    if (route) {
        require(route->id.find('/') == std::string_view::npos);
    } else {
        require(!route.error().message.empty());
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(data), size);

    check_bodies(text);
    check_path(text);

    gw::admin::Caller caller;
    caller.origin = text;
    caller.host = text;
    // An origin has a scheme, a host has none.
    require(text.empty() || gw::admin::cross_site(caller));

    return 0;
}
