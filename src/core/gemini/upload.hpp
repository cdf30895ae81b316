// Google's protocol for uploads: a start that answers with a URL, and data in
// one or more requests to that URL; or all in one multipart request.
// Source: reference/endpoints.md section 12.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gw::gemini {

enum class UploadStep : std::uint8_t {
    start,              // metadata, JSON
    data,               // bytes of the file, however many
    other               // a question, a cancellation: no body
};

/// command, protocol: X-Goog-Upload-Command and -Protocol, empty: not there.
UploadStep upload_step(std::string_view method, std::string_view command,
    std::string_view protocol, std::string_view query);

/// The value of upload_id, decoded; empty: there is none, or none that is
/// possible.
std::string upload_id_of(std::string_view query);

/// The name by which one is kept; empty without an id.
std::string upload_name(std::string_view id);

/// Google's URL for an upload with `here`, scheme, host and path by which the
/// client has come, in place of Google's; what carries a credential is left
/// out. Empty: it is none.
std::string upload_url(std::string_view url, std::string_view here);

}
