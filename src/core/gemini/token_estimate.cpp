// How many tokens an input will cost, without asking. The weights are those of
// reference/quotas.md section 6; usage corrects what they get wrong.
#include "core/gemini/embed_request.hpp"
#include "core/gemini/generate_request.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

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

// No word is this long. Its first bytes count as any.
constexpr std::size_t dense_from = 64;

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

/// Of one character, which is no escape; size: its bytes.
std::int64_t character_weight(unsigned char first, std::size_t &size)
{
    size = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (first < 0x80) {
        return first >= '0' && first <= '9' ? per_digit : per_letter;
    }

    // A sample may begin amid one.
    if (first < 0xc0) {
        return 0;
    }

    return size == 2 ? per_alphabetic
        : size == 3 ? per_ideograph : per_symbol;
}

constexpr std::uint64_t every_byte = UINT64_C(0x0101010101010101);
constexpr std::uint64_t high_bits = every_byte << 7;

/// A high bit for each byte that is `value`, of bytes that are all ASCII.
std::uint64_t equal(std::uint64_t bytes, char value)
{
    bytes ^= every_byte * static_cast<unsigned char>(value);

    return ~(bytes + (high_bits - every_byte)) & high_bits;
}

/// How many of eight ASCII bytes are digits.
std::int64_t digits_of(std::uint64_t bytes)
{
    // '0' … '9' are the bytes that reach 0x80 by the first sum and not by the
    // second.
    std::uint64_t digits = (bytes + every_byte * (0x80 - '0'))
        & ~(bytes + every_byte * (0x7f - '9')) & high_bits;

    return static_cast<std::int64_t>((digits >> 7) * every_byte >> 56);
}

/// Every request pays for this, so plain text is weighed by eights.
std::int64_t weight_of_all(std::string_view text)
{
    constexpr std::size_t step = sizeof(std::uint64_t);

    std::int64_t weight = 0;
    std::size_t run = 0;            // bytes since something ended a word
    std::size_t i = 0;

    while (i < text.size()) {
        std::uint64_t eight = high_bits;

        if (text.size() - i >= step) {
            std::memcpy(&eight, text.data() + i, step);
        }

        if ((eight & high_bits) == 0 && equal(eight, '\\') == 0) {
            bool ends = equal(eight, ' ') != 0;

            run = ends ? 0 : run + step;
            weight += run >= dense_from
                ? static_cast<std::int64_t>(step) * per_dense
                : static_cast<std::int64_t>(step) * per_letter
                      + digits_of(eight) * (per_digit - per_letter);
            i += step;
            continue;
        }

        run = 0;

        // To the end of the eight, or of the text.
        for (std::size_t end = std::min(i + step, text.size()); i < end;
             /* void */)
        {
            std::size_t size;
            weight += text[i] == '\\'
                ? escape_weight(text.substr(i), size)
                : character_weight(static_cast<unsigned char>(text[i]), size);
            i += size;
        }
    }

    return weight;
}

/// Of a JSON string as it stands. Of a long one samples are weighed, so that
/// the cost does not grow with it as reading it does.
std::int64_t text_weight(std::string_view text)
{
    constexpr std::size_t sample = 256;
    constexpr std::size_t most_samples = 16;

    if (text.size() <= 2 * sample) {
        return weight_of_all(text);
    }

    std::size_t count = std::min(text.size() / (2 * sample), most_samples);
    std::size_t stride = text.size() / count;
    std::int64_t weight = 0;

    for (std::size_t i = 0; i < count; ++i) {
        weight += weight_of_all(text.substr(i * stride, sample));
    }

    // Some 16 KB of weights: no product of them with a size is too large.
    return weight * static_cast<std::int64_t>(text.size())
           / static_cast<std::int64_t>(count * sample);
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
