// What a client may put into a message beside text comes as a data URI, as a
// URL, as bare base64 or as the name of an uploaded file, whichever part it
// stands in; so there is one function for all of them.
#include "core/translate/content.hpp"

#include "core/base/base64.hpp"
#include "core/base/text.hpp"
#include "core/translate/media.hpp"

#include <utility>

namespace gw::translate {

namespace {

constexpr std::string_view files_url =
    "https://generativelanguage.googleapis.com/v1beta/";

/// A value that holds or names media, and where it stands.
struct Source {
    json::String value;
    const PartPlace &place;
    std::string_view member;            // "image_url"
    /// What the client says beside it; empty: nothing.
    std::string_view media_type;
};

Error bad_request(std::string param, std::string message, const char *code)
{
    return Error{ErrorKind::bad_request, std::move(message),
        std::move(param), code, 0};
}

Error invalid(const Source &source, std::string message)
{
    return bad_request(source.place.param(source.member),
        std::move(message), "invalid_value");
}

Error missing(const PartPlace &place, std::string_view member)
{
    std::string param = place.param(member);
    std::string message = "Missing required parameter: '" + param + "'.";

    return bad_request(std::move(param), std::move(message),
        "missing_required_parameter");
}

/// A client's word as it may stand in a message.
std::string quoted(std::string_view word)
{
    constexpr std::size_t longest = 64;

    std::string text = "'";
    text += word.substr(0, longest);
    text += word.size() > longest ? "…'" : "'";

    return text;
}

Error unsupported(const Source &source, std::string_view media_type)
{
    std::string message = "Unsupported media type " + quoted(media_type)
                          + ". Supported are ";
    message += accepted_instead_of(media_type);
    message += '.';

    return invalid(source, std::move(message));
}

gemini::Part file_part(std::string_view media_type, const json::String &uri)
{
    gemini::Part part;
    part.kind = gemini::Part::Kind::file_data;
    part.file_data.mime_type = media_type;
    part.file_data.file_uri = uri;

    return part;
}

/// The media type to send, or an error. Clients often label one kind of image
/// as another, and upstream believes the label: for images the bytes decide.
Result<std::string_view> settle_type(const Source &source,
    std::string_view declared, std::string_view data)
{
    constexpr std::string_view image = "image/";

    if (declared.empty() || iequals(declared, "application/octet-stream")) {
        declared = source.media_type;
    }

    if (declared.empty()
        || iequals(declared.substr(0, image.size()), image))
    {
        std::string_view seen = sniff_media_type(data);

        if (!seen.empty()) {
            declared = seen;
        }
    }

    if (declared.empty()) {
        return invalid(source, "The media type is not given and cannot be "
            "told from the data. Use a data URI that names it: "
            "'data:image/png;base64,…'.");
    }

    std::string_view type = upstream_media_type(declared);

    if (type.empty()) {
        return unsupported(source, declared);
    }

    return type;
}

Result<gemini::Part> from_base64(const Source &source,
    std::string_view declared, std::string_view data, Arena &arena)
{
    data = trim(data);

    if (data.empty()) {
        return invalid(source, "There is no data in it.");
    }

    auto type = settle_type(source, declared, data);

    if (!type) {
        return type.error();
    }

    auto normal = base64::normalise(data, arena);

    if (!normal) {
        return invalid(source, "The data is not valid base64.");
    }

    gemini::Part part;
    part.kind = gemini::Part::Kind::inline_data;
    part.inline_data.mime_type = type.value();
    part.inline_data.data = *normal;

    return part;
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = static_cast<char>(c | 0x20);

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string percent_decode(std::string_view text)
{
    std::string bytes;
    bytes.reserve(text.size());

    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            int high = hex_digit(text[i + 1]);
            int low = hex_digit(text[i + 2]);

            if (high >= 0 && low >= 0) {
                bytes += static_cast<char>(high * 16 + low);
                i += 2;
                continue;
            }
        }

        bytes += text[i];
    }

    return bytes;
}

Result<gemini::Part> from_data_uri(const Source &source,
    std::string_view text, Arena &arena)
{
    auto uri = parse_data_uri(text);

    if (!uri) {
        return invalid(source, "The data URI has no comma before its data: "
            "expected 'data:image/png;base64,…'.");
    }

    if (uri->base64) {
        return from_base64(source, uri->media_type, uri->payload, arena);
    }

    std::string encoded = base64::encode(percent_decode(uri->payload));

    // RFC 2397: without a type it is text.
    std::string_view declared = uri->media_type.empty()
        ? std::string_view("text/plain") : uri->media_type;

    return from_base64(source, declared, arena.copy(encoded), arena);
}

/// Hosts whose pages are videos to upstream, and need no media type.
bool is_video_page(std::string_view url)
{
    constexpr std::string_view hosts[] = {
        "youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be"
    };

    std::string_view host = url.substr(url.find("//") + 2);
    host = host.substr(0, host.find_first_of("/?#:"));

    for (std::string_view known : hosts) {
        if (iequals(host, known)) {
            return true;
        }
    }

    return false;
}

bool has_scheme(std::string_view url, std::string_view scheme)
{
    return iequals(url.substr(0, scheme.size()), scheme);
}

Result<gemini::Part> from_url(const Source &source, std::string_view url)
{
    if (url.size() > max_url) {
        return invalid(source, "The URL is longer than "
            + std::to_string(max_url) + " bytes.");
    }

    std::string_view type;

    if (!is_video_page(url)) {
        std::size_t path = url.find('/', url.find("//") + 2);

        type = source.media_type.empty() && path != std::string_view::npos
            ? media_type_of_name(url.substr(path)) : source.media_type;
    }

    // As it stood, unless white space has to go.
    return file_part(type,
        source.value.escaped ? source.value : json::String(url));
}

Result<gemini::Part> from_source(const Source &source, Arena &arena)
{
    if (source.value.empty()) {
        return missing(source.place, source.member);
    }

    std::string_view text = trim(source.value.decode(arena));

    if (is_data_uri(text)) {
        return from_data_uri(source, text, arena);
    }

    if (has_scheme(text, "https://")) {
        return from_url(source, text);
    }

    if (has_scheme(text, "http://")) {
        return invalid(source, "Plain http URLs are not fetched: use an "
            "https URL, or a data URI such as 'data:image/png;base64,…'.");
    }

    if (text.substr(0, 16).find("://") != std::string_view::npos) {
        return invalid(source, "URLs of this scheme are not fetched: use an "
            "https URL, or a data URI such as 'data:image/png;base64,…'.");
    }

    return from_base64(source, {}, text, arena);
}

Result<void> add(Result<gemini::Part> part, Arena &arena,
    List<gemini::Part> &out)
{
    if (!part) {
        return part.error();
    }

    out.push(arena, part.value());
    return {};
}

Result<void> add_text(const openai::ContentPart &part,
    const PartPlace &place, Arena &arena, List<gemini::Part> &out)
{
    if (!part.text) {
        return missing(place, "text");
    }

    if (!part.text->empty()) {
        out.push(arena, text_part(*part.text));
    }

    return {};
}

/// "files/abc", as the Files API names them.
bool is_file_name(std::string_view id)
{
    constexpr std::string_view prefix = "files/";

    if (!starts_with(id, prefix) || id.size() == prefix.size()
        || id.size() > max_url)
    {
        return false;
    }

    for (char c : id.substr(prefix.size())) {
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            return false;
        }
    }

    return true;
}

Result<void> add_file_id(const openai::ContentPart &part,
    std::string_view member, const PartPlace &place, Arena &arena,
    List<gemini::Part> &out)
{
    std::string_view type = media_type_of_name(part.filename.decode(arena));
    std::string_view id = trim(part.file_id.decode(arena));

    if (is_file_name(id)) {
        std::string url(files_url);
        url += id;
        out.push(arena, file_part(type, json::String(arena.copy(url))));
        return {};
    }

    if (starts_with(id, "https://generativelanguage.googleapis.com/")
        && id.find("/files/") != std::string_view::npos
        && id.size() <= max_url)
    {
        out.push(arena, file_part(type, part.file_id));
        return {};
    }

    return bad_request(place.param(member), "Only files uploaded to Gemini "
        "can be referred to ('files/…'); others have to be sent as "
        "'file_data'.", "invalid_value");
}

Result<void> add_image(const openai::ContentPart &part,
    const PartPlace &place, Arena &arena, List<gemini::Part> &out)
{
    if (part.image_url.empty() && !part.file_id.empty()) {
        return add_file_id(part, "file_id", place, arena, out);
    }

    return add(from_source({part.image_url, place, "image_url", {}}, arena),
        arena, out);
}

Result<void> add_video(const openai::ContentPart &part,
    const PartPlace &place, Arena &arena, List<gemini::Part> &out)
{
    return add(from_source({part.video_url, place, "video_url", {}}, arena),
        arena, out);
}

Result<void> add_audio(const openai::ContentPart &part,
    const PartPlace &place, Arena &arena, List<gemini::Part> &out)
{
    std::string_view type;

    if (!part.audio_format.empty()) {
        std::string_view format = part.audio_format.decode(arena);
        type = upstream_media_type("audio/" + std::string(format));

        if (type.empty()) {
            std::string message = "Unsupported audio format "
                                  + quoted(format) + ". Supported are wav, "
                "mp3, aiff, aac, ogg, flac, m4a, opus, webm and pcm16.";
            return bad_request(place.param("input_audio.format"),
                std::move(message), "invalid_value");
        }
    }

    return add(from_source({part.audio_data, place, "input_audio.data",
                   type}, arena), arena, out);
}

Result<void> add_file(const openai::ContentPart &part,
    const PartPlace &place, Arena &arena, List<gemini::Part> &out)
{
    if (part.file_data.empty() && part.file_url.empty()) {
        return part.file_id.empty()
            ? missing(place, "file.file_data")
            : add_file_id(part, "file.file_id", place, arena, out);
    }

    std::string_view type = media_type_of_name(part.filename.decode(arena));

    if (part.file_data.empty()) {
        return add(from_source({part.file_url, place, "file.file_url",
                       type}, arena), arena, out);
    }

    return add(from_source({part.file_data, place, "file.file_data", type},
                   arena), arena, out);
}

struct Kind {
    std::string_view type;
    Result<void> (*add)(const openai::ContentPart &, const PartPlace &,
        Arena &, List<gemini::Part> &);
};

// input_text, output_text, input_image and input_file are the Responses API's
// names for the same, and arrive here from clients that mix the two.
constexpr Kind kinds[] = {
    {"text", add_text},
    {"input_text", add_text},
    {"output_text", add_text},
    {"refusal", add_text},
    {"image_url", add_image},
    {"input_image", add_image},
    {"input_audio", add_audio},
    {"file", add_file},
    {"input_file", add_file},
    {"video_url", add_video}
};

const Kind *find_kind(const openai::ContentPart &part, Arena &arena)
{
    std::string_view type = part.type.decode(arena);

    for (const Kind &kind : kinds) {
        if (kind.type == type) {
            return &kind;
        }
    }

    return nullptr;
}

}

std::string PartPlace::param(std::string_view member) const
{
    std::string path = "messages[" + std::to_string(message) + "].content["
                       + std::to_string(part) + "]";

    if (!member.empty()) {
        path += '.';
        path += member;
    }

    return path;
}

Result<void> add_part(const openai::ContentPart &part,
    const PartPlace &place, Arena &arena, List<gemini::Part> &out)
{
    if (part.type.empty()) {
        return missing(place, "type");
    }

    const Kind *kind = find_kind(part, arena);

    if (kind == nullptr) {
        std::string message = "Unknown content part type "
            + quoted(part.type.decode(arena)) + ". Supported are 'text', "
            "'image_url', 'input_audio', 'file', 'video_url' and 'refusal'.";
        return bad_request(place.param("type"), std::move(message),
            "invalid_value");
    }

    return kind->add(part, place, arena, out);
}

bool is_text(const openai::ContentPart &part, Arena &arena)
{
    const Kind *kind = find_kind(part, arena);

    return kind != nullptr && kind->add == add_text;
}

gemini::Part text_part(const json::String &text)
{
    gemini::Part part;
    part.text = text;

    return part;
}

}
