// Any bytes as JSON, read by the scanner and by yajl: both take the same
// documents for JSON and see the same tokens in them.
#include "core/base/text.hpp"
#include "core/json/reader.hpp"
#include "core/json/scanner.hpp"

#include <yajl/yajl_parse.h>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>

namespace {

using namespace gw;
using json::Scanner;

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

/// Tokens, one after the other, each with a letter for its kind.
struct Seen {
    std::string tokens;
    std::size_t depth = 0;
    std::size_t deepest = 0;

    void add(char kind, std::string_view text = {})
    {
        tokens += kind;
        tokens += text;
        tokens += '\n';
    }

    void open(char kind)
    {
        add(kind);
        deepest = deepest < ++depth ? depth : deepest;
    }

    void close(char kind)
    {
        add(kind);
        --depth;
    }
};

Seen &seen_by(void *context)
{
    return *static_cast<Seen *>(context);
}

std::string_view view(const void *text, std::size_t size)
{
    return {static_cast<const char *>(text), size};
}

const yajl_callbacks callbacks = {
    [](void *context) { seen_by(context).add('n'); return 1; },
    [](void *context, int value) {
        seen_by(context).add(value != 0 ? 't' : 'f');
        return 1;
    },
    nullptr,
    nullptr,
    [](void *context, const char *text, std::size_t size) {
        seen_by(context).add('#', view(text, size));
        return 1;
    },
    [](void *context, const unsigned char *text, std::size_t size) {
        seen_by(context).add('s', view(text, size));
        return 1;
    },
    [](void *context) { seen_by(context).open('{'); return 1; },
    [](void *context, const unsigned char *text, std::size_t size) {
        seen_by(context).add('k', view(text, size));
        return 1;
    },
    [](void *context) { seen_by(context).close('}'); return 1; },
    [](void *context) { seen_by(context).open('['); return 1; },
    [](void *context) { seen_by(context).close(']'); return 1; },
};

bool read_by_yajl(std::string_view text, Seen &seen)
{
    yajl_handle handle = yajl_alloc(&callbacks, nullptr, &seen);

    bool taken = yajl_parse(handle,
            reinterpret_cast<const unsigned char *>(text.data()),
            text.size()) == yajl_status_ok
        && yajl_complete_parse(handle) == yajl_status_ok;

    yajl_free(handle);

    return taken;
}

/// A document that is known to be JSON.
class Walk {
public:
    Walk(std::string_view text, Seen &seen)
        : scanner_(text), arena_(std::pmr::new_delete_resource()), seen_(seen)
    {
        value();
        (void) scanner_.peek();
        require(scanner_.at_end());
    }

private:
    std::string_view decoded(std::string_view inside, bool escaped)
    {
        return json::String(inside, escaped).decode(arena_);
    }

    void value()
    {
        std::string_view text;
        bool escaped = false;

        switch (scanner_.peek()) {

        case '{':
        case '[':
            children();
            return;

        case '"':
            require(scanner_.string(text, escaped));
            seen_.add('s', decoded(text, escaped));
            return;

        case 't':
            require(scanner_.literal("true"));
            seen_.add('t');
            return;

        case 'f':
            require(scanner_.literal("false"));
            seen_.add('f');
            return;

        case 'n':
            require(scanner_.literal("null"));
            seen_.add('n');
            return;

        default:
            require(scanner_.number(text));
            seen_.add('#', text);
        }
    }

    void children()
    {
        bool object = scanner_.peek() == '{';
        char closing = object ? '}' : ']';

        scanner_.step();
        seen_.open(object ? '{' : '[');

        while (scanner_.peek() != closing) {
            if (scanner_.peek() == ',') {
                scanner_.step();
            }

            std::string_view name;
            bool escaped = false;

            if (object) {
                require(scanner_.member(name, escaped));
                seen_.add('k', decoded(name, escaped));
            }

            value();
        }

        scanner_.step();
        seen_.close(closing);
    }

    Scanner scanner_;
    Arena arena_;
    Seen &seen_;
};

/// Where yajl is not of RFC 8259's mind, or answers otherwise on purpose: it
/// takes two more characters for white space, and writes halves of surrogate
/// pairs as a question mark.
bool is_disputed(std::string_view text)
{
    return text.find_first_of("\v\f") != std::string_view::npos
           || text.find("\\ud") != std::string_view::npos
           || text.find("\\uD") != std::string_view::npos;
}

/// yajl takes the beginning of a token behind the document for nothing.
bool has_more_behind(std::string_view text)
{
    Scanner scanner(text);

    if (scanner.peek() != '{' || !scanner.skip(json::max_depth)) {
        return false;
    }

    (void) scanner.peek();

    return !scanner.at_end();
}

struct Nothing {};

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(bytes), size);
    Arena arena(std::pmr::new_delete_resource());
    Nothing nothing;
    json::Shape shape;

    bool taken = static_cast<bool>(json::read(text, shape, nothing, arena));

    if (is_disputed(text) || !valid_utf8(text)) {
        require(!taken || valid_utf8(text));
        return 0;
    }

    if (has_more_behind(text)) {
        require(!taken);
        return 0;
    }

    Seen theirs;
    bool taken_by_yajl = read_by_yajl(text, theirs)
        && !theirs.tokens.empty() && theirs.tokens.front() == '{'
        && theirs.deepest <= json::max_depth;

    require(taken == taken_by_yajl);

    if (taken) {
        Seen ours;

        Walk(text, ours);
        require(ours.tokens == theirs.tokens);
    }

    return 0;
}
