// The tables of media types, magic bytes and file extensions.
#include "core/translate/media.hpp"

#include "core/base/base64.hpp"
#include "core/base/text.hpp"

#include <cstddef>
#include <string>

namespace gw::translate {

namespace {

struct TypeRow {
    std::string_view given;
    std::string_view upstream;
};

constexpr TypeRow type_table[] = {
    {"image/png", "image/png"},
    {"image/x-png", "image/png"},
    {"image/jpeg", "image/jpeg"},
    {"image/jpg", "image/jpeg"},
    {"image/pjpeg", "image/jpeg"},
    {"image/webp", "image/webp"},
    {"image/heic", "image/heic"},
    {"image/heif", "image/heif"},

    {"audio/wav", "audio/wav"},
    {"audio/wave", "audio/wav"},
    {"audio/x-wav", "audio/wav"},
    {"audio/vnd.wave", "audio/wav"},
    {"audio/mp3", "audio/mp3"},
    {"audio/mpeg", "audio/mpeg"},
    {"audio/mpga", "audio/mpeg"},
    {"audio/aiff", "audio/aiff"},
    {"audio/x-aiff", "audio/aiff"},
    {"audio/aac", "audio/aac"},
    {"audio/ogg", "audio/ogg"},
    {"audio/opus", "audio/opus"},
    {"audio/flac", "audio/flac"},
    {"audio/x-flac", "audio/flac"},
    {"audio/m4a", "audio/m4a"},
    {"audio/x-m4a", "audio/m4a"},
    {"audio/mp4", "audio/mp4"},
    {"audio/webm", "audio/webm"},
    {"audio/pcm", "audio/pcm"},
    {"audio/pcm16", "audio/pcm"},
    {"audio/l16", "audio/pcm"},

    {"video/mp4", "video/mp4"},
    {"video/mpeg", "video/mpeg"},
    {"video/mpg", "video/mpg"},
    {"video/mov", "video/mov"},
    {"video/quicktime", "video/mov"},
    {"video/avi", "video/avi"},
    {"video/x-msvideo", "video/avi"},
    {"video/x-flv", "video/x-flv"},
    {"video/webm", "video/webm"},
    {"video/wmv", "video/wmv"},
    {"video/x-ms-wmv", "video/wmv"},
    {"video/3gpp", "video/3gpp"},

    {"application/pdf", "application/pdf"},
    {"application/x-pdf", "application/pdf"},
    {"text/plain", "text/plain"},
    {"text/html", "text/html"},
    {"text/css", "text/css"},
    {"text/md", "text/md"},
    {"text/markdown", "text/md"},
    {"text/csv", "text/csv"},
    {"text/xml", "text/xml"},
    {"application/xml", "text/xml"},
    {"text/rtf", "text/rtf"},
    {"application/rtf", "text/rtf"},
    {"text/javascript", "text/javascript"},
    {"application/javascript", "text/javascript"},
    {"application/x-javascript", "text/javascript"},
    {"text/x-python", "text/x-python"},
    {"application/x-python", "text/x-python"},
    {"application/json", "text/plain"},
    {"application/x-ndjson", "text/plain"},
    {"application/yaml", "text/plain"},
    {"application/x-yaml", "text/plain"},
    {"application/toml", "text/plain"},
    {"application/x-sh", "text/plain"},
    {"application/sql", "text/plain"},
    {"application/typescript", "text/plain"}
};

constexpr TypeRow extension_table[] = {
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"webp", "image/webp"},
    {"heic", "image/heic"},
    {"heif", "image/heif"},

    {"wav", "audio/wav"},
    {"mp3", "audio/mp3"},
    {"aiff", "audio/aiff"},
    {"aif", "audio/aiff"},
    {"aac", "audio/aac"},
    {"ogg", "audio/ogg"},
    {"opus", "audio/opus"},
    {"flac", "audio/flac"},
    {"m4a", "audio/m4a"},
    {"pcm", "audio/pcm"},

    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"mpg", "video/mpg"},
    {"mov", "video/mov"},
    {"avi", "video/avi"},
    {"flv", "video/x-flv"},
    {"webm", "video/webm"},
    {"wmv", "video/wmv"},
    {"3gp", "video/3gpp"},
    {"3gpp", "video/3gpp"},

    {"pdf", "application/pdf"},
    {"html", "text/html"},
    {"htm", "text/html"},
    {"css", "text/css"},
    {"md", "text/md"},
    {"csv", "text/csv"},
    {"xml", "text/xml"},
    {"rtf", "text/rtf"},
    {"js", "text/javascript"},
    {"py", "text/x-python"},
    {"txt", "text/plain"},
    {"log", "text/plain"},
    {"json", "text/plain"},
    {"jsonl", "text/plain"},
    {"yaml", "text/plain"},
    {"yml", "text/plain"},
    {"toml", "text/plain"},
    {"ini", "text/plain"},
    {"conf", "text/plain"},
    {"sh", "text/plain"},
    {"sql", "text/plain"},
    {"ts", "text/plain"},
    {"tsx", "text/plain"},
    {"jsx", "text/plain"},
    {"c", "text/plain"},
    {"h", "text/plain"},
    {"cc", "text/plain"},
    {"cpp", "text/plain"},
    {"hpp", "text/plain"},
    {"cs", "text/plain"},
    {"go", "text/plain"},
    {"java", "text/plain"},
    {"kt", "text/plain"},
    {"php", "text/plain"},
    {"pl", "text/plain"},
    {"rb", "text/plain"},
    {"rs", "text/plain"},
    {"swift", "text/plain"},
    {"tex", "text/plain"}
};

struct Magic {
    std::size_t offset;
    std::string_view bytes;
    std::string_view type;
};

// Bytes that hold a NUL have their length spelt out.
constexpr Magic magic_table[] = {
    {0, "\x89PNG", "image/png"},
    {0, "\xff\xd8\xff", "image/jpeg"},
    {8, "WEBP", "image/webp"},
    {4, "ftypheic", "image/heic"},
    {4, "ftypheix", "image/heic"},
    {4, "ftypheif", "image/heif"},
    {4, "ftypmif1", "image/heif"},
    {0, "GIF8", "image/gif"},
    {0, "BM", "image/bmp"},
    {0, std::string_view("II*\0", 4), "image/tiff"},
    {0, std::string_view("MM\0*", 4), "image/tiff"},
    {0, "<svg", "image/svg+xml"},
    {0, "%PDF", "application/pdf"},
    {8, "WAVE", "audio/wav"},
    {0, "ID3", "audio/mp3"},
    {0, "\xff\xfb", "audio/mp3"},
    {0, "OggS", "audio/ogg"},
    {0, "fLaC", "audio/flac"}
};

constexpr std::size_t sniffed_bytes = 12;
constexpr std::size_t sniffed_base64 = sniffed_bytes / 3 * 4;

constexpr std::string_view data_scheme = "data:";

}

std::string_view upstream_media_type(std::string_view given)
{
    given = trim(given.substr(0, given.find(';')));

    for (const TypeRow &row : type_table) {
        if (iequals(row.given, given)) {
            return row.upstream;
        }
    }

    constexpr std::string_view text = "text/";

    return iequals(given.substr(0, text.size()), text)
        ? std::string_view("text/plain") : std::string_view();
}

std::string_view media_type_of_name(std::string_view name)
{
    name = name.substr(0, name.find_first_of("?#"));

    std::size_t slash = name.rfind('/');

    if (slash != std::string_view::npos) {
        name.remove_prefix(slash + 1);
    }

    std::size_t dot = name.rfind('.');

    if (dot == std::string_view::npos) {
        return {};
    }

    std::string_view extension = name.substr(dot + 1);

    for (const TypeRow &row : extension_table) {
        if (iequals(row.given, extension)) {
            return row.upstream;
        }
    }

    return {};
}

std::string_view sniff_media_type(std::string_view base64)
{
    auto head = base64::decode(base64.substr(0, sniffed_base64));

    if (!head) {
        return {};
    }

    std::string_view bytes = *head;

    for (const Magic &magic : magic_table) {
        if (bytes.size() >= magic.offset + magic.bytes.size()
            && bytes.compare(magic.offset, magic.bytes.size(), magic.bytes)
                   == 0)
        {
            return magic.type;
        }
    }

    return {};
}

std::string_view accepted_instead_of(std::string_view media_type)
{
    auto is = [&](std::string_view kind) {
        return iequals(media_type.substr(0, kind.size()), kind);
    };

    if (is("image/")) {
        return "image/png, image/jpeg, image/webp, image/heic and image/heif";
    }

    if (is("audio/")) {
        return "audio/wav, audio/mp3, audio/aiff, audio/aac, audio/ogg, "
               "audio/flac, audio/m4a, audio/opus, audio/webm and audio/pcm";
    }

    if (is("video/")) {
        return "video/mp4, video/mpeg, video/mov, video/avi, video/x-flv, "
               "video/mpg, video/webm, video/wmv and video/3gpp";
    }

    return "application/pdf, text, and the usual types of image, audio and "
           "video";
}

bool is_data_uri(std::string_view text)
{
    return iequals(text.substr(0, data_scheme.size()), data_scheme);
}

std::optional<DataUri> parse_data_uri(std::string_view text)
{
    if (!is_data_uri(text)) {
        return std::nullopt;
    }

    text.remove_prefix(data_scheme.size());
    std::size_t comma = text.find(',');

    if (comma == std::string_view::npos) {
        return std::nullopt;
    }

    std::string_view head = text.substr(0, comma);

    DataUri uri;
    uri.payload = text.substr(comma + 1);

    std::size_t semicolon = head.find(';');
    uri.media_type = trim(head.substr(0, semicolon));

    while (semicolon != std::string_view::npos) {
        head.remove_prefix(semicolon + 1);
        semicolon = head.find(';');

        if (iequals(trim(head.substr(0, semicolon)), "base64")) {
            uri.base64 = true;
        }
    }

    return uri;
}

}
