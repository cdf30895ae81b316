#include "core/admin/origin.hpp"

#include "core/base/text.hpp"

namespace gw::admin {

namespace {

struct Scheme {
    std::string_view start;
    std::string_view port;
};

constexpr Scheme schemes[] = {
    {"https://", ":443"},
    {"http://", ":80"},
};

std::string_view media_type(std::string_view content_type)
{
    return trim(content_type.substr(0, content_type.find(';')));
}

std::string_view without_port(std::string_view host, std::string_view port)
{
    return ends_with(host, port)
        ? host.substr(0, host.size() - port.size()) : host;
}

bool same_site(std::string_view origin, std::string_view host)
{
    for (const Scheme &scheme : schemes) {
        if (iequals(origin.substr(0, scheme.start.size()), scheme.start)) {
            origin.remove_prefix(scheme.start.size());

            // "null" and empty origins have no host to be equal to.
            return !origin.empty()
                && iequals(without_port(origin, scheme.port),
                    without_port(host, scheme.port));
        }
    }

    return false;
}

}

bool cross_site(const Caller &caller)
{
    if (!caller.sec_fetch_site.empty()
        && !iequals(caller.sec_fetch_site, "same-origin")
        && !iequals(caller.sec_fetch_site, "none"))
    {
        return true;
    }

    return !caller.origin.empty() && !same_site(caller.origin, caller.host);
}

bool is_form(std::string_view content_type)
{
    std::string_view type = media_type(content_type);

    return iequals(type, "application/x-www-form-urlencoded")
        || iequals(type, "multipart/form-data");
}

bool is_json(std::string_view content_type)
{
    return iequals(media_type(content_type), "application/json");
}

}
