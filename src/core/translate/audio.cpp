#include "core/translate/audio.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gw::translate {

namespace {

constexpr char alphabet[]
    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::uint32_t default_rate = 24000;
constexpr std::uint32_t max_rate = 384000;

constexpr unsigned no_digit = 64;

unsigned digit_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return static_cast<unsigned>(c - 'A');
    }

    if (c >= 'a' && c <= 'z') {
        return static_cast<unsigned>(c - 'a') + 26;
    }

    if (c >= '0' && c <= '9') {
        return static_cast<unsigned>(c - '0') + 52;
    }

    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : no_digit;
}

/// The digits of base64 before its padding. "\/" is an escaped slash and
/// "\u003d" an escaped sign of padding.
template <typename Take>
void each_digit(std::string_view raw, Take &&take)
{
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] == '\\' && i + 1 < raw.size() && raw[i + 1] == 'u') {
            break;
        }

        unsigned digit = digit_of(raw[i]);

        if (digit != no_digit) {
            take(digit);
        } else if (raw[i] == '=') {
            break;
        }
    }
}

std::uint32_t rate_of(std::string_view mime_type)
{
    constexpr std::string_view name = "rate=";
    std::size_t at = mime_type.find(name);
    std::uint32_t rate = 0;

    if (at == std::string_view::npos) {
        return default_rate;
    }

    for (char c : mime_type.substr(at + name.size())) {
        if (c < '0' || c > '9' || rate > max_rate) {
            break;
        }

        rate = rate * 10 + static_cast<std::uint32_t>(c - '0');
    }

    return rate == 0 || rate > max_rate ? default_rate : rate;
}

/// Little-endian fields of a RIFF file.
class Riff {
public:
    Riff &tag(std::string_view name)
    {
        for (char c : name) {
            bytes_[size_++] = c;
        }

        return *this;
    }

    Riff &number(std::uint32_t value, std::size_t size)
    {
        for (std::size_t i = 0; i < size; ++i) {
            bytes_[size_++] = static_cast<char>(value >> 8 * i & 0xff);
        }

        return *this;
    }

    std::string_view view() const { return {bytes_, size_}; }

private:
    char bytes_[64] = {};
    std::size_t size_ = 0;
};

}

bool is_audio(const json::String &mime_type)
{
    // The slash may stand escaped in JSON.
    return starts_with(mime_type.raw, "audio/")
           || starts_with(mime_type.raw, "audio\\/");
}

void Base64Join::append(std::string_view bytes, Output &out)
{
    for (char c : bytes) {
        put(static_cast<unsigned char>(c), out);
    }
}

void Base64Join::append_base64(std::string_view raw, Output &out)
{
    // Mostly a piece is whole and begins where the run stands on a boundary.
    if (held_ == 0 && raw.size() % 4 == 0
        && std::all_of(raw.begin(), raw.end(),
            [](char c) { return digit_of(c) != no_digit; }))
    {
        out.append(raw);
        return;
    }

    unsigned bits = 0;
    unsigned filled = 0;

    each_digit(raw, [&](unsigned digit) {
        bits = (bits << 6 | digit) & 0xfff;
        filled += 6;

        if (filled >= 8) {
            filled -= 8;
            put(static_cast<unsigned char>(bits >> filled & 0xff), out);
        }
    });
}

void Base64Join::end(Output &out)
{
    if (held_ == 0) {
        return;
    }

    bool one = held_ == 1;

    while (held_ < 3) {
        bytes_[held_++] = 0;
    }

    held_ = 0;
    out.append(alphabet[bytes_[0] >> 2]);
    out.append(alphabet[(bytes_[0] & 3) << 4 | bytes_[1] >> 4]);
    out.append(one ? '=' : alphabet[(bytes_[1] & 15) << 2]);
    out.append('=');
}

void Base64Join::put(unsigned char byte, Output &out)
{
    bytes_[held_++] = byte;

    if (held_ < 3) {
        return;
    }

    held_ = 0;
    out.append(alphabet[bytes_[0] >> 2]);
    out.append(alphabet[(bytes_[0] & 3) << 4 | bytes_[1] >> 4]);
    out.append(alphabet[(bytes_[1] & 15) << 2 | bytes_[2] >> 6]);
    out.append(alphabet[bytes_[2] & 63]);
}

std::size_t base64_bytes(std::string_view raw)
{
    std::size_t digits = 0;

    each_digit(raw, [&](unsigned) { ++digits; });
    return digits / 4 * 3 + digits % 4 * 6 / 8;
}

void write_wav_head(const json::String &mime_type, std::size_t bytes,
    Base64Join &join, Output &out)
{
    constexpr std::uint32_t pcm = 1;
    constexpr std::uint32_t channels = 1;
    constexpr std::uint32_t sample = 2;
    constexpr std::uint32_t format_size = 16;

    // A head of 54 bytes instead of 44: a multiple of three, so that the
    // samples behind it keep their base64.
    constexpr std::uint32_t junk_size = 2;
    constexpr std::uint32_t head_size = 54;

    if (mime_type.raw.find("L16") == std::string_view::npos
        && mime_type.raw.find("pcm") == std::string_view::npos)
    {
        return;
    }

    auto size = static_cast<std::uint32_t>(
        std::min<std::size_t>(bytes, 0xffffffff - head_size));
    std::uint32_t rate = rate_of(mime_type.raw);
    Riff head;

    head.tag("RIFF").number(head_size - 8 + size, 4).tag("WAVE");
    head.tag("fmt ").number(format_size, 4).number(pcm, 2);
    head.number(channels, 2).number(rate, 4);
    head.number(rate * channels * sample, 4).number(channels * sample, 2);
    head.number(sample * 8, 2);
    head.tag("JUNK").number(junk_size, 4).number(0, junk_size);
    head.tag("data").number(size, 4);

    join.append(head.view(), out);
}

}
