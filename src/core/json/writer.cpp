// Strings on their way out: what needs an escape gets one, what is not text
// is replaced, and everything else is copied in runs.
#include "core/json/writer.hpp"

#include "core/base/text.hpp"
#include "core/json/escape.hpp"

#include <cstring>

namespace gw::json {

namespace {

bool stands_for_itself(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

void write_escape(Output &out, unsigned char c)
{
    constexpr char hex[] = "0123456789abcdef";

    char letter = 0;

    switch (c) {
    case '"':
    case '\\':
        letter = static_cast<char>(c);
        break;
    case '\b':
        letter = 'b';
        break;
    case '\f':
        letter = 'f';
        break;
    case '\n':
        letter = 'n';
        break;
    case '\r':
        letter = 'r';
        break;
    case '\t':
        letter = 't';
        break;
    default:
        break;
    }

    if (letter != 0) {
        const char escape[] = {'\\', letter};
        out.append(std::string_view(escape, sizeof(escape)));

    } else {
        const char escape[] = {'\\', 'u', '0', '0', hex[c >> 4],
            hex[c & 0xf]};
        out.append(std::string_view(escape, sizeof(escape)));
    }
}

// The first escape from `from` on that is half a surrogate pair, or npos.
std::size_t find_unpaired(std::string_view raw, std::size_t from)
{
    while (from < raw.size()) {
        auto *at = static_cast<const char *>(std::memchr(raw.data() + from,
            '\\', raw.size() - from));

        if (at == nullptr) {
            break;
        }

        from = static_cast<std::size_t>(at - raw.data());

        if (from + 2 < raw.size() && raw[from + 1] == 'u'
            && (raw[from + 2] | 0x20) == 'd')
        {
            UnicodeEscape escape = unicode_escape(raw.substr(from));

            if (escape.unpaired) {
                return from;
            }

            from += escape.size;

        } else {
            from += 2;
        }
    }

    return std::string_view::npos;
}

}

Writer &Writer::string(std::string_view plain)
{
    separate();
    out_.append('"');
    write_escaped(out_, plain);
    out_.append('"');

    return *this;
}

Writer &Writer::text(const String &string, bool lasting)
{
    separate();
    out_.append('"');

    auto copy = [&](std::string_view piece) {
        if (lasting) {
            out_.append_lasting(piece);
        } else {
            out_.append(piece);
        }
    };

    std::string_view raw = string.raw;

    if (string.escaped) {
        constexpr std::size_t escape_size = 6;
        std::size_t at;

        while ((at = find_unpaired(raw, 0)) != std::string_view::npos) {
            copy(raw.substr(0, at));
            out_.append(std::string_view("\\ufffd"));
            raw.remove_prefix(at + escape_size);
        }
    }

    copy(raw);
    out_.append('"');

    return *this;
}

Writer &Writer::open(char c)
{
    separate();
    out_.append(c);
    need_comma_ = false;

    return *this;
}

Writer &Writer::close(char c)
{
    out_.append(c);
    need_comma_ = true;

    return *this;
}

void write_escaped(Output &out, std::string_view plain)
{
    std::size_t run = 0;
    std::size_t i = 0;

    while (i < plain.size()) {
        auto c = static_cast<unsigned char>(plain[i]);

        if (stands_for_itself(c)) {
            ++i;
            continue;
        }

        std::size_t length = c < 0x80 ? 0 : utf8_sequence(plain.substr(i));

        if (length > 0) {
            i += length;
            continue;
        }

        out.append(plain.substr(run, i - run));

        if (c < 0x80) {
            write_escape(out, c);
        } else {
            out.append(std::string_view("\xef\xbf\xbd"));
        }

        ++i;
        run = i;
    }

    out.append(plain.substr(run));
}

}
