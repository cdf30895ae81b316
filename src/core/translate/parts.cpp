#include "core/translate/parts.hpp"

#include "core/base/text.hpp"
#include "core/json/escape.hpp"

#include <cstring>

namespace gw::translate {

namespace {

constexpr std::string_view replacement = "\\ufffd";

/// Of an escape that is known to be a surrogate.
bool is_high(std::string_view escape)
{
    char c = escape[3];
    return c == '8' || c == '9' || (c | 0x20) == 'a' || (c | 0x20) == 'b';
}

bool is_surrogate(std::string_view text)
{
    return text.size() >= 6 && text[0] == '\\' && text[1] == 'u'
           && (text[2] | 0x20) == 'd' && text[3] >= '8';
}

}

void TextJoin::append_escaped(const json::String &slice, Output &out)
{
    std::string_view raw = slice.raw;

    if (raw.empty()) {
        return;
    }

    if (holding_) {
        holding_ = false;

        if (slice.escaped && is_surrogate(raw) && !is_high(raw)) {
            out.append(std::string_view(held_, escape_size));
            out.append(raw.substr(0, escape_size));
            raw.remove_prefix(escape_size);

        } else {
            out.append(replacement);
        }
    }

    std::size_t run = 0;
    std::size_t i = 0;

    while (slice.escaped && i < raw.size()) {
        const auto *at = static_cast<const char *>(
            std::memchr(raw.data() + i, '\\', raw.size() - i));

        if (at == nullptr) {
            break;
        }

        i = static_cast<std::size_t>(at - raw.data());

        if (!is_surrogate(raw.substr(i))) {
            i += 2;
            continue;
        }

        auto escape = json::unicode_escape(raw.substr(i));

        if (escape.unpaired) {
            out.append(raw.substr(run, i - run));
            run = i + escape_size;

            if (run == raw.size() && is_high(raw.substr(i))) {
                std::memcpy(held_, raw.data() + i, escape_size);
                holding_ = true;

            } else {
                out.append(replacement);
            }
        }

        i += escape.size;
    }

    out.append(raw.substr(run));
}

void TextJoin::end(Output &out)
{
    if (holding_) {
        holding_ = false;
        out.append(replacement);
    }
}

bool PartWalk::is_image(const gemini::ReplyBlob &blob)
{
    // The slash may stand escaped in JSON.
    return starts_with(blob.mime_type.raw, "image/")
           || starts_with(blob.mime_type.raw, "image\\/");
}

std::string_view PartWalk::language_of(const json::String &language)
{
    return language.is("PYTHON") || language.is("1") ? "python" : "";
}

bool PartWalk::is_ok(const json::String &outcome)
{
    return outcome.empty() || outcome.is("OUTCOME_OK") || outcome.is("1");
}

bool PartWalk::ends_line(const json::String &text)
{
    // A backslash before it makes it a letter n.
    return ends_with(text.raw, "\\n") && !ends_with(text.raw, "\\\\n");
}

}
