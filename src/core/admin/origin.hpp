// Whether a call comes from a page of another site, in a browser that has our
// token at hand.
#pragma once

#include <string_view>

namespace gw::admin {

/// Header fields as they stood; empty: not there.
struct Caller {
    std::string_view sec_fetch_site;
    std::string_view origin;
    std::string_view host;
};

/// By Fetch Metadata where the browser sends it, and by Origin (RFC 6454)
/// against Host, default ports taken into account. Callers that are no browser
/// send neither.
bool cross_site(const Caller &caller);

/// Whether a body of this Content-Type may be a form, which a page of any site
/// can send without asking. An absent one may not.
bool is_form(std::string_view content_type);

/// application/json, with or without parameters.
bool is_json(std::string_view content_type);

}
