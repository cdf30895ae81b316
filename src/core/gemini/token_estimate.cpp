// How many tokens an input will cost, without asking. The weights are those of
// reference/quotas.md section 6; usage corrects what they get wrong.
#include "core/gemini/embed_request.hpp"
#include "core/gemini/generate_request.hpp"

#include "core/base/text.hpp"

#include <cstddef>

namespace gw::gemini {

namespace {

// Weights are in this fraction of a token.
constexpr std::int64_t unit = 120;

constexpr std::int64_t per_letter = unit / 4;           // English
constexpr std::int64_t per_digit = unit;
constexpr std::int64_t per_dense = unit * 4 / 7;        // base64 in a text
constexpr std::int64_t per_alphabetic = unit * 4 / 11;  // Cyrillic, Arabic
constexpr std::int64_t per_ideograph = unit * 20 / 29;  // CJK, kana, hangul
constexpr std::int64_t per_symbol = unit * 2;           // emoji
constexpr std::int64_t per_json_byte = unit * 2 / 7;    // schemas, arguments

// The source says four; recorded answers to short prompts say about one.
constexpr std::int64_t per_content = 1;
constexpr std::int64_t per_declaration = 10;

// Of one image or file whose dimensions are not looked at.
constexpr std::int64_t per_image = 1120;
constexpr std::int64_t per_remote_file = 1120;
constexpr std::int64_t per_page = 560;
constexpr std::int64_t bytes_per_page = 50000;
constexpr std::int64_t bytes_per_audio_token = 125;     // 4 kB/s, 32 tokens/s
constexpr std::int64_t bytes_per_video_token = 1000;

// No word is this long.
constexpr std::size_t dense_from = 64;

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || c == '+' || c == '/' || c == '-' || c == '_';
}

std::int64_t word_weight(std::string_view word)
{
    if (word.size() >= dense_from) {
        return static_cast<std::int64_t>(word.size()) * per_dense;
    }

    std::int64_t weight = 0;

    for (char c : word) {
        weight += is_digit(c) ? per_digit : per_letter;
    }

    return weight;
}

/// The weight of the escape at the front, and its size. An escape stands for
/// one character; \uXXXX for one that is rarely ASCII.
std::int64_t escape_weight(std::string_view text, std::size_t &size)
{
    constexpr std::size_t unicode_escape = 6;

    if (text.size() < unicode_escape || text[1] != 'u') {
        size = text.size() < 2 ? text.size() : 2;
        return per_letter;
    }

    size = unicode_escape;

    // Halves of a surrogate pair count half each.
    switch (text[2]) {
    case '0':
        return per_alphabetic;
    case 'd':
    case 'D':
        return text[3] < '8' ? per_ideograph : per_symbol / 2;
    default:
        return per_ideograph;
    }
}

/// Of a JSON string as it stands.
std::int64_t text_weight(std::string_view text)
{
    std::int64_t weight = 0;
    std::size_t i = 0;

    while (i < text.size()) {
        auto c = static_cast<unsigned char>(text[i]);

        if (is_word(text[i])) {
            std::size_t begin = i;

            while (i < text.size() && is_word(text[i])) {
                ++i;
            }

            weight += word_weight(text.substr(begin, i - begin));

        } else if (c == '\\') {
            std::size_t size;
            weight += escape_weight(text.substr(i), size);
            i += size;

        } else if (c < 0x80) {
            weight += per_letter;
            ++i;

        } else if (c < 0xe0) {
            weight += per_alphabetic;
            i += 2;

        } else if (c < 0xf0) {
            weight += per_ideograph;
            i += 3;

        } else {
            weight += per_symbol;
            i += 4;
        }
    }

    return weight;
}

std::int64_t json_weight(std::string_view json)
{
    return static_cast<std::int64_t>(json.size()) * per_json_byte;
}

std::int64_t blob_tokens(const Blob &blob)
{
    auto bytes = static_cast<std::int64_t>(blob.data.size() / 4 * 3);

    if (starts_with(blob.mime_type, "image/")) {
        return per_image;
    }

    if (starts_with(blob.mime_type, "audio/")) {
        return bytes / bytes_per_audio_token;
    }

    if (starts_with(blob.mime_type, "video/")) {
        return bytes / bytes_per_video_token;
    }

    if (starts_with(blob.mime_type, "text/")) {
        return bytes * per_letter / unit;
    }

    return (bytes / bytes_per_page + 1) * per_page;
}

std::int64_t part_weight(const Part &part)
{
    switch (part.kind) {

    case Part::Kind::text:
        return text_weight(part.text.raw);

    case Part::Kind::inline_data:
        return blob_tokens(part.inline_data) * unit;

    case Part::Kind::file_data:
        return per_remote_file * unit;

    case Part::Kind::function_call:
        return json_weight(part.function_call.args.text)
               + text_weight(part.function_call.name.raw);

    case Part::Kind::function_response:
        break;
    }

    std::int64_t weight = json_weight(part.function_response.response.text)
                          + text_weight(part.function_response.name.raw);

    for (const Blob &blob : part.function_response.parts) {
        weight += blob_tokens(blob) * unit;
    }

    return weight;
}

std::int64_t parts_weight(const List<Part> &parts)
{
    std::int64_t weight = per_content * unit;

    for (const Part &part : parts) {
        weight += part_weight(part);
    }

    return weight;
}

}

std::int64_t estimate_tokens(const GenerateRequest &request)
{
    std::int64_t weight = 0;

    if (!request.system_instruction.empty()) {
        weight += parts_weight(request.system_instruction);
    }

    for (const Content &content : request.contents) {
        weight += parts_weight(content.parts);
    }

    for (const FunctionDeclaration &function : request.tools.functions) {
        weight += per_declaration * unit
                  + text_weight(function.description.raw)
                  + json_weight(function.name.raw)
                  + json_weight(function.parameters_json_schema.text)
                  + json_weight(function.parameters.text);
    }

    weight += json_weight(request.generation.response_json_schema.text)
              + json_weight(request.generation.response_schema.text);

    return (weight + unit - 1) / unit;
}

std::int64_t estimate_tokens(const EmbedRequest &request)
{
    std::int64_t weight = 0;

    for (std::size_t i = 0; i < request.count; ++i) {
        weight += per_content * unit + text_weight(request.texts[i].raw)
                  + text_weight(request.title.raw);
    }

    return (weight + unit - 1) / unit;
}

}
