// Media types as upstream takes them, and data URIs as clients write them.
// Source: reference/chat-request.md section 5.3.
#pragma once

#include <optional>
#include <string_view>

namespace gw::translate {

/// Upstream's spelling of a media type, in static memory, for every spelling
/// clients use ("image/jpg", any case, parameters); empty: not taken upstream.
/// Text of any kind that upstream does not list goes as text/plain.
std::string_view upstream_media_type(std::string_view given);

/// By the extension of a file name or of a URL's path: "report.pdf". Static
/// memory; empty: unknown, or not taken upstream.
std::string_view media_type_of_name(std::string_view name);

/// By the first bytes of what the base64 text holds; static memory. Also
/// names types that upstream does not take, such as image/gif. Empty: unknown.
std::string_view sniff_media_type(std::string_view base64);

/// For a message: what may be sent instead of `media_type`.
std::string_view accepted_instead_of(std::string_view media_type);

struct DataUri {
    std::string_view media_type;    // parameters taken off; may be empty
    bool base64 = false;            // else percent-encoded
    std::string_view payload;
};

/// nullopt: not a data URI, or one without a comma. Linear in the text, looks
/// at nothing behind the comma.
std::optional<DataUri> parse_data_uri(std::string_view text);

/// Whether a text begins like one.
bool is_data_uri(std::string_view text);

}
