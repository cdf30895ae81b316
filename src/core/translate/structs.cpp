// JSON that clients put into strings, checked before it leaves its string.
#include "core/translate/structs.hpp"

#include "core/base/output.hpp"
#include "core/base/text.hpp"
#include "core/json/escape.hpp"
#include "core/json/reader.hpp"
#include "core/json/writer.hpp"

#include <string>

namespace gw::translate {

namespace {

constexpr std::size_t escape_size = 6;

/// Whether brackets within brackets stay within the bound; of JSON, or what
/// claims to be.
bool is_shallow(std::string_view text)
{
    std::size_t depth = 0;
    bool in_string = false;

    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];

        if (in_string) {
            if (c == '\\') {
                ++i;
            } else if (c == '"') {
                in_string = false;
            }

        } else if (c == '"') {
            in_string = true;

        } else if (c == '{' || c == '[') {
            if (++depth > max_struct_depth) {
                return false;
            }

        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }

    return true;
}

/// An object's text, with \ufffd for each half of a surrogate pair, which
/// upstream refuses.
std::string_view whole_pairs(std::string_view text, Arena &arena)
{
    std::string fixed;
    std::size_t copied = 0;
    std::size_t at = 0;

    while ((at = text.find('\\', at)) != std::string_view::npos) {
        if (at + 1 >= text.size() || text[at + 1] != 'u') {
            at += 2;
            continue;
        }

        json::UnicodeEscape escape = json::unicode_escape(text.substr(at));

        if (escape.unpaired) {
            fixed += text.substr(copied, at - copied);
            fixed += "\\ufffd";
            copied = at + escape_size;
        }

        at += escape.size;
    }

    if (copied == 0) {
        return text;
    }

    fixed += text.substr(copied);
    return arena.copy(fixed);
}

/// Absent unless the text is one.
json::Raw object_of(std::string_view text, Arena &arena)
{
    constexpr json::Shape any;

    text = trim(text);

    if (text.empty() || text[0] != '{' || !is_shallow(text)) {
        return {};
    }

    json::Reader reader(arena, json::Strictness::strict);

    if (!reader.read(text, any, nullptr)) {
        return {};
    }

    return json::Raw{whole_pairs(text, arena), json::Type::object};
}

/// {"name":value}, absent unless that is JSON.
json::Raw wrapped(std::string_view name, std::string_view value,
    Arena &arena)
{
    std::string text = "{\"";
    text += name;
    text += "\":";
    text += value;
    text += '}';

    return object_of(arena.copy(text), arena);
}

/// {"name":"text"}
json::Raw named_text(std::string_view name, const json::String &text,
    Arena &arena)
{
    StringOutput out;
    json::Writer writer(out);

    writer.begin_object();
    writer.key(name).text(text);
    writer.end_object();

    return json::Raw{arena.copy(out.view()), json::Type::object};
}

bool says_nothing(std::string_view text)
{
    return text.empty() || text == "null" || text == "[]" || text == "{}"
           || text == "\"\"";
}

}

json::Raw call_arguments(const openai::ToolCall &call, Arena &arena)
{
    bool direct = call.arguments_object.present();
    std::string_view text = trim(direct ? call.arguments_object.text
                                        : call.arguments.decode(arena));

    if (says_nothing(text)) {
        return {};
    }

    json::Raw object = object_of(text, arena);

    if (!object.present()) {
        object = wrapped("value", text, arena);
    }

    if (object.present()) {
        return object;
    }

    if (!direct) {
        return named_text("_raw", call.arguments, arena);
    }

    StringOutput out;
    json::write_escaped(out, text);

    return named_text("_raw", json::String(out.view(), true), arena);
}

json::Raw tool_response(const json::String &text, Arena &arena)
{
    json::Raw object = object_of(text.decode(arena), arena);

    return object.present() ? object : named_text("output", text, arena);
}

}
