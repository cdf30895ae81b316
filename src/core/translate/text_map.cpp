#include "core/translate/text_map.hpp"

#include "core/json/escape.hpp"

#include <algorithm>
#include <cstring>

namespace gw::translate {

namespace {

constexpr std::size_t escape_size = 6;
constexpr std::size_t replacement_size = 3;
constexpr std::size_t pair_size = 4;

bool is_ascii(std::string_view text)
{
    std::uint64_t seen = 0;

    while (text.size() >= sizeof(seen)) {
        std::uint64_t eight;
        std::memcpy(&eight, text.data(), sizeof(eight));
        seen |= eight;
        text.remove_prefix(sizeof(eight));
    }

    unsigned char rest = 0;

    for (char c : text) {
        rest = static_cast<unsigned char>(rest | static_cast<unsigned char>(c));
    }

    return (seen & UINT64_C(0x8080808080808080)) == 0 && rest < 0x80;
}

std::size_t utf8_size(std::uint32_t code)
{
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

bool is_surrogate(std::string_view escape, char from, char to)
{
    char c = static_cast<char>(escape.size() > 3 ? escape[3] | 0x20 : 0);

    return escape.size() >= escape_size && escape[0] == '\\'
           && escape[1] == 'u' && (escape[2] | 0x20) == 'd' && c >= from
           && c <= to;
}

bool is_low(std::string_view escape)
{
    return is_surrogate(escape, 'c', 'f');
}

bool is_high(std::string_view escape)
{
    return is_surrogate(escape, '8', '9') || is_surrogate(escape, 'a', 'b');
}

}

void TextMap::add(const json::String &slice, std::int64_t part)
{
    if (slice.empty()) {
        return;
    }

    // Half a pair that the text before ended with, and its other half here,
    // belong to that text.
    std::string_view raw = slice.raw;

    if (half_ && slice.escaped && is_low(raw)) {
        half_ = false;
        add_character(pair_size);
        raw.remove_prefix(escape_size);
    }

    settle();
    measure();

    if (part != part_) {
        part_ = part;

        if (part != no_part) {
            full_ = part_count_ == max_parts;

            if (!full_) {
                parts_[part_count_++] = {part, bytes_, 0};
            }
        }
    }

    if (slice.escaped) {
        add_escaped(raw);
    } else {
        add_plain(raw);
    }

    measure();
}

std::optional<TextMap::Range> TextMap::in_part(std::int64_t part,
    std::int64_t begin, std::int64_t end) const
{
    std::size_t from = 0;

    while (from < part_count_ && parts_[from].number < part) {
        ++from;
    }

    return range(from, begin, end);
}

std::optional<TextMap::Range> TextMap::in_text(std::int64_t begin,
    std::int64_t end) const
{
    return range(0, begin, end);
}

std::optional<TextMap::Range> TextMap::range(std::size_t from,
    std::int64_t begin, std::int64_t end) const
{
    auto first = locate(from, begin, Side::right);
    auto last = locate(from, end, Side::left);

    if (!first || !last) {
        return std::nullopt;
    }

    return Range{*first, std::max(*first, *last)};
}

std::optional<std::int64_t> TextMap::locate(std::size_t from,
    std::int64_t byte, Side side) const
{
    auto left = static_cast<std::size_t>(byte);

    for (std::size_t i = from; i < part_count_; ++i) {
        const Part &part = parts_[i];
        bool last = i + 1 == part_count_;

        if (left < part.size || (left == part.size && side == Side::left)
            || (last && !full_))
        {
            return code_points(part.begin + std::min(left, part.size));
        }

        left -= part.size;
    }

    return std::nullopt;
}

void TextMap::add_plain(std::string_view text)
{
    if (is_ascii(text)) {
        bytes_ += text.size();
        return;
    }

    for (char c : text) {
        if ((c & 0xc0) == 0x80) {
            mark(bytes_);
        }

        ++bytes_;
    }
}

void TextMap::add_escaped(std::string_view raw)
{
    while (!raw.empty()) {
        std::size_t at = std::min(raw.find('\\'), raw.size());

        add_plain(raw.substr(0, at));
        raw.remove_prefix(at);

        if (raw.empty()) {
            break;
        }

        if (raw.size() < escape_size || raw[1] != 'u') {
            ++bytes_;
            raw.remove_prefix(std::min(raw.size(), std::size_t{2}));
            continue;
        }

        auto escape = json::unicode_escape(raw);

        if (escape.unpaired && escape.size == raw.size() && is_high(raw)) {
            half_ = true;
        } else {
            add_character(utf8_size(escape.code));
        }

        raw.remove_prefix(escape.size);
    }
}

void TextMap::add_character(std::size_t size)
{
    for (std::size_t i = 1; i < size; ++i) {
        mark(bytes_ + i);
    }

    bytes_ += size;
}

/// Half a pair stayed alone: U+FFFD.
void TextMap::settle()
{
    if (half_) {
        half_ = false;
        add_character(replacement_size);
    }
}

/// The part at hand goes as far as the text.
void TextMap::measure()
{
    if (part_ != no_part && !full_) {
        Part &part = parts_[part_count_ - 1];
        part.size = bytes_ - part.begin;
    }
}

void TextMap::mark(std::size_t byte)
{
    if (blocks_.empty()) {
        ascii_ = byte;
    }

    std::size_t at = byte - ascii_;
    std::size_t number = at / block_bytes;

    if (number >= max_blocks) {
        known_ = std::min(known_, byte);
        return;
    }

    while (blocks_.size() <= number) {
        Block block{};

        if (!blocks_.empty()) {
            block.before = blocks_.back().before
                           + count(blocks_.back(), block_bytes);
        }

        blocks_.push_back(block);
    }

    at %= block_bytes;
    blocks_[number].continues[at / 64] |= std::uint64_t{1} << at % 64;
}

/// Continuations among the first bytes of a block.
std::size_t TextMap::count(const Block &block, std::size_t bytes)
{
    std::size_t sum = 0;

    for (std::size_t i = 0; i * 64 < bytes; ++i) {
        std::size_t rest = bytes - i * 64;
        std::uint64_t word = block.continues[i];

        if (rest < 64) {
            word &= (std::uint64_t{1} << rest) - 1;
        }

        sum += static_cast<std::size_t>(__builtin_popcountll(word));
    }

    return sum;
}

std::optional<std::int64_t> TextMap::code_points(std::size_t byte) const
{
    if (byte > known_) {
        return std::nullopt;
    }

    if (blocks_.empty() || byte <= ascii_) {
        return static_cast<std::int64_t>(byte);
    }

    std::size_t number = std::min((byte - ascii_) / block_bytes,
        blocks_.size() - 1);
    std::size_t inside = std::min(byte - ascii_ - number * block_bytes,
        block_bytes);
    const Block &block = blocks_[number];

    return static_cast<std::int64_t>(byte - block.before
                                     - count(block, inside));
}

}
