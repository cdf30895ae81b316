// The pool's state as text. Whatever is read here was written elsewhere, by
// another version or by hand: every part is bounded, and there is one way only
// to write each thing.
#include "core/share/codec.hpp"

#include "core/base/text.hpp"
#include "core/gemini/error.hpp"
#include "core/keys/cooldown.hpp"
#include "core/keys/record.hpp"
#include "core/base/base64url.hpp"

#include <charconv>
#include <cstddef>
#include <limits>
#include <utility>

namespace gw::share {

namespace {

constexpr std::int64_t year_2000_ms = 946684800000;
constexpr std::int64_t year_2200_ms = 7258118400000;
constexpr std::int64_t day_ms = 24 * 3600 * 1000;

// Beyond what anybody uses in a day; as much as the zone's words hold.
constexpr std::int64_t max_count = 1000000000000;

constexpr std::int64_t max_repeats = 255;
constexpr std::int64_t max_weight = 1000;

// A nonce, the longest secret and a tag, in base64url.
constexpr std::size_t max_sealed = (12 + keys::KeyChange::max_secret + 16 + 2)
                                   / 3 * 4;

constexpr std::string_view nothing = "-";

constexpr std::string_view quantity_names[keys::quantities] = {
    "rpm", "rpd", "tpm", "tpd"
};

constexpr char digits[] = "0123456789abcdef";

bool plain(char c)
{
    return c > ' ' && c <= '~' && c != '%' && c != '|';
}

int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                : -1;
}

/// Models come from clients: what would end a field or a line is escaped.
std::string escaped(std::string_view text)
{
    std::string out;
    out.reserve(text.size());

    for (char c : text) {
        if (plain(c)) {
            out += c;
            continue;
        }

        auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }

    return out;
}

bool unescape(std::string_view text, std::string &out)
{
    out.clear();

    for (std::size_t i = 0; i < text.size(); ++i) {
        if (plain(text[i])) {
            out += text[i];
            continue;
        }

        if (text[i] != '%' || text.size() - i < 3) {
            return false;
        }

        int high = digit_of(text[i + 1]);
        int low = digit_of(text[i + 2]);

        if (high < 0 || low < 0) {
            return false;
        }

        auto c = static_cast<char>(high << 4 | low);

        if (plain(c)) {
            return false;
        }

        out += c;
        i += 2;
    }

    return out.size() <= keys::ModelName::max_length;
}

/// The words of a value, one space between each two.
class Words {
public:
    explicit Words(std::string_view text) : rest_(text) {}

    /// Empty: there is none.
    std::string_view next()
    {
        std::size_t end = rest_.find(' ');

        if (end == std::string_view::npos) {
            end = rest_.size();
            ended_ = true;
        }

        std::string_view word = rest_.substr(0, end);
        rest_.remove_prefix(ended_ ? end : end + 1);

        return word;
    }

    bool number(std::int64_t &value, std::int64_t least, std::int64_t most)
    {
        std::string_view word = next();
        auto [end, error] = std::from_chars(word.data(),
            word.data() + word.size(), value);

        return error == std::errc() && end == word.data() + word.size()
               && (word == "0" || word.front() != '0') && word.front() != '-'
               && value >= least && value <= most;
    }

    /// On the clock of the text, by which others are ahead of ours.
    bool time(std::int64_t &ms, std::int64_t offset_ms)
    {
        return number(ms, year_2000_ms, year_2200_ms)
               && !__builtin_sub_overflow(ms, offset_ms, &ms)
               && ms >= year_2000_ms && ms <= year_2200_ms;
    }

    bool ended() const { return ended_; }

private:
    std::string_view rest_;
    bool ended_ = false;
};

std::string shifted(std::int64_t ms, std::int64_t offset_ms)
{
    std::int64_t there = ms;

    if (ms == 0 || ms >= keys::no_end_ms
        || __builtin_add_overflow(ms, offset_ms, &there))
    {
        there = ms;
    }

    return std::to_string(there);
}

std::string optional_text(std::string_view text)
{
    return text.empty() ? std::string(nothing) : base64url(text);
}

/// A name that people read: in the log, in labels, in pages.
bool readable(std::string_view text)
{
    for (char c : text) {
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
            return false;
        }
    }

    return valid_utf8(text);
}

/// Empty: none.
bool read_optional_text(std::string_view word, std::size_t most,
    std::string &text)
{
    text.clear();

    if (word == nothing) {
        return true;
    }

    if (word.size() > (most + 2) / 3 * 4) {
        return false;
    }

    std::optional<std::string> bytes = from_base64url(word);

    if (!bytes || bytes->empty() || bytes->size() > most || !readable(*bytes))
    {
        return false;
    }

    text = std::move(*bytes);
    return true;
}

bool is_base64url(std::string_view text)
{
    for (char c : text) {
        if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
            && (c < '0' || c > '9') && c != '-' && c != '_')
        {
            return false;
        }
    }

    return true;
}

/// The letters of those that are set, in their order.
struct Flag {
    char letter;
    bool &set;
};

template <std::size_t Count>
bool read_flags(std::string_view word, const Flag (&flags)[Count])
{
    std::size_t at = 0;

    if (word == nothing) {
        at = 1;
    }

    for (const Flag &flag : flags) {
        flag.set = at < word.size() && word[at] == flag.letter;
        at += flag.set ? 1 : 0;
    }

    return at != 0 && at == word.size();
}

}

std::string hex_id(std::uint64_t id)
{
    std::string text(16, '0');

    for (std::size_t i = text.size(); i-- != 0; id >>= 4) {
        text[i] = digits[id & 15];
    }

    return text;
}

std::optional<std::uint64_t> read_id(std::string_view text)
{
    if (text.size() != 16) {
        return std::nullopt;
    }

    std::uint64_t id = 0;

    for (char c : text) {
        int digit = digit_of(c);

        if (digit < 0) {
            return std::nullopt;
        }

        id = id << 4 | static_cast<std::uint64_t>(digit);
    }

    return id;
}

std::string use_field(std::uint64_t owner, std::string_view model)
{
    return hex_id(owner) + '|' + escaped(model);
}

bool read_use_field(std::string_view field, std::uint64_t &owner,
    std::string &model)
{
    constexpr std::size_t id_size = 16;

    if (field.size() <= id_size || field[id_size] != '|') {
        return false;
    }

    std::optional<std::uint64_t> id = read_id(field.substr(0, id_size));

    if (!id || *id == 0) {
        return false;
    }

    owner = *id;
    return unescape(field.substr(id_size + 1), model);
}

Entry write_rest(const keys::RestChange &change, std::int64_t offset_ms)
{
    const keys::Rest &rest = change.rest;

    return {use_field(change.owner, change.model),
            shifted(rest.until_ms, offset_ms) + ' '
                + std::string(gemini::name_of(rest.failure)) + ' '
                + shifted(change.when_ms, offset_ms) + ' '
                + std::to_string(rest.repeats) + ' '
                + (rest.perhaps_daily ? "d" : "-")};
}

std::optional<keys::RestChange> read_rest(std::string_view field,
    std::string_view value, std::int64_t offset_ms)
{
    keys::RestChange change;
    Words words(value);

    if (!read_use_field(field, change.owner, change.model)) {
        return std::nullopt;
    }

    // Either has an end, or it stands for itself and is not shifted.
    Words first = words;
    std::int64_t until = 0;

    if (first.number(until, 0, 0)
        || (first = words).number(until, keys::no_end_ms, keys::no_end_ms)
        || (first = words).time(until, offset_ms))
    {
        words = first;

    } else {
        return std::nullopt;
    }

    std::optional<gemini::FailureClass> failure = gemini::failure_class(
        words.next());
    std::int64_t repeats = 0;
    const Flag flags[] = {{'d', change.rest.perhaps_daily}};

    if (!failure || (until != 0 && *failure == gemini::FailureClass::none)
        || !words.time(change.when_ms, offset_ms)
        || !words.number(repeats, 0, max_repeats)
        || !read_flags(words.next(), flags) || !words.ended())
    {
        return std::nullopt;
    }

    change.rest.until_ms = until;
    change.rest.failure = *failure;
    change.rest.repeats = static_cast<std::uint8_t>(repeats);

    return change;
}

Entry write_limit(const keys::LearnedLimit &limit, std::int64_t offset_ms)
{
    std::string field = use_field(limit.owner, limit.model);
    field += '|';
    field += quantity_names[static_cast<std::size_t>(limit.quantity)];

    return {std::move(field),
            std::to_string(limit.value) + ' '
                + shifted(limit.when_ms, offset_ms)};
}

std::optional<keys::LearnedLimit> read_limit(std::string_view field,
    std::string_view value, std::int64_t offset_ms)
{
    keys::LearnedLimit limit;
    Words words(value);
    std::size_t bar = field.rfind('|');

    if (bar == std::string_view::npos
        || !read_use_field(field.substr(0, bar), limit.owner, limit.model)
        || !words.number(limit.value, 1, max_count)
        || !words.time(limit.when_ms, offset_ms) || !words.ended())
    {
        return std::nullopt;
    }

    std::string_view name = field.substr(bar + 1);

    for (std::size_t i = 0; i < keys::quantities; ++i) {
        if (name == quantity_names[i]) {
            limit.quantity = static_cast<keys::Quantity>(i);
            return limit;
        }
    }

    return std::nullopt;
}

Entry write_total(const keys::UseTotal &total)
{
    return {use_field(total.owner, total.model),
            std::to_string(total.day) + ' ' + std::to_string(total.requests)
                + ' ' + std::to_string(total.tokens)};
}

std::optional<keys::UseTotal> read_total(std::string_view field,
    std::string_view value)
{
    keys::UseTotal total;
    Words words(value);

    if (!read_use_field(field, total.owner, total.model)
        || !words.number(total.day, year_2000_ms / day_ms,
               year_2200_ms / day_ms)
        || !words.number(total.requests, 0, max_count)
        || !words.number(total.tokens, 0, max_count) || !words.ended())
    {
        return std::nullopt;
    }

    return total;
}

Entry write_resource(const keys::Resource &resource, std::int64_t offset_ms)
{
    return {hex_id(resource.id),
            hex_id(resource.project) + ' ' + hex_id(resource.client) + ' '
                + shifted(resource.expires_ms, offset_ms) + ' '
                + shifted(resource.when_ms, offset_ms)};
}

std::optional<keys::Resource> read_resource(std::string_view field,
    std::string_view value, std::int64_t offset_ms)
{
    keys::Resource resource;
    Words words(value);
    std::optional<std::uint64_t> id = read_id(field);
    std::optional<std::uint64_t> project = read_id(words.next());
    std::optional<std::uint64_t> client = read_id(words.next());

    if (!id || *id == 0 || !project || !client
        || !words.time(resource.expires_ms, offset_ms)
        || !words.time(resource.when_ms, offset_ms) || !words.ended())
    {
        return std::nullopt;
    }

    resource.id = *id;
    resource.project = *project;
    resource.client = *client;

    return resource;
}

Entry write_key(const keys::KeyChange &change, std::string_view sealed,
    std::int64_t offset_ms)
{
    std::string flags;
    flags += change.added ? "a" : "";
    flags += change.removed ? "r" : "";
    flags += change.enabled ? "" : "d";

    return {hex_id(change.id),
            shifted(change.when_ms, offset_ms) + ' '
                + (flags.empty() ? std::string(nothing) : flags) + ' '
                + (change.weight ? std::to_string(*change.weight)
                                 : std::string(nothing)) + ' '
                + (change.name ? optional_text(*change.name)
                               : std::string(nothing)) + ' '
                + optional_text(change.project) + ' '
                + std::string(sealed.empty() ? nothing : sealed)};
}

std::optional<SealedKey> read_key(std::string_view field,
    std::string_view value, std::int64_t offset_ms)
{
    SealedKey key;
    keys::KeyChange &change = key.change;
    Words words(value);
    std::optional<std::uint64_t> id = read_id(field);
    bool disabled = false;
    const Flag flags[] = {
        {'a', change.added}, {'r', change.removed}, {'d', disabled}
    };

    if (!id || *id == 0 || !words.time(change.when_ms, offset_ms)
        || !read_flags(words.next(), flags))
    {
        return std::nullopt;
    }

    change.id = *id;
    change.enabled = !disabled;

    Words before = words;

    if (words.next() != nothing) {
        std::int64_t weight = 0;

        if (!(words = before).number(weight, 1, max_weight)) {
            return std::nullopt;
        }

        change.weight = static_cast<unsigned>(weight);
    }

    std::string name;

    if (!read_optional_text(words.next(), keys::KeyChange::max_name, name)
        || !read_optional_text(words.next(), keys::KeyChange::max_project,
               change.project))
    {
        return std::nullopt;
    }

    if (!name.empty()) {
        change.name = std::move(name);
    }

    std::string_view sealed = words.next();

    if (!words.ended() || sealed.empty() || sealed.size() > max_sealed
        || !is_base64url(sealed))
    {
        return std::nullopt;
    }

    if (sealed != nothing) {
        key.sealed = sealed;
    }

    return key;
}

}
