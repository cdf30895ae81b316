// JSON straight into an Output. Commas and nesting are its business; names are
// written as given, so they must need no escape.
#pragma once

#include "core/base/output.hpp"
#include "core/json/value.hpp"

#include <cstdint>
#include <string_view>

namespace gw::json {

class Writer {
public:
    explicit Writer(Output &out) : out_(out) {}

    Writer &begin_object() { return open('{'); }
    Writer &end_object() { return close('}'); }
    Writer &begin_array() { return open('['); }
    Writer &end_array() { return close(']'); }

    Writer &key(std::string_view name)
    {
        out_.append_member(need_comma_ && !pending_value_, name);
        need_comma_ = true;
        pending_value_ = true;
        return *this;
    }

    /// Decoded characters; escapes what RFC 8259 section 7 asks for, and puts
    /// U+FFFD for bytes that are not UTF-8.
    Writer &string(std::string_view plain);

    /// As it stood in another document. Unpaired \u surrogates, which Google
    /// refuses, become \ufffd. `lasting`: the slice outlives the output.
    Writer &text(const String &string) { return text(string, false); }
    Writer &lasting_text(const String &string) { return text(string, true); }

    /// A whole value as it stood in another document.
    Writer &raw(std::string_view value)
    {
        separate();
        out_.append(value);
        return *this;
    }

    Writer &lasting_raw(std::string_view value)
    {
        separate();
        out_.append_lasting(value);
        return *this;
    }

    Writer &number(std::int64_t value)
    {
        separate();
        out_.append_number(value);
        return *this;
    }

    Writer &boolean(bool value)
    {
        return raw(value ? std::string_view("true")
                         : std::string_view("false"));
    }

    Writer &null() { return raw("null"); }

    Output &out() { return out_; }

private:
    Writer &text(const String &string, bool lasting);
    Writer &open(char c);
    Writer &close(char c);

    void separate()
    {
        if (pending_value_) {
            pending_value_ = false;
        } else if (need_comma_) {
            out_.append(',');
        }

        need_comma_ = true;
    }

    Output &out_;
    bool need_comma_ = false;
    bool pending_value_ = false;
};

/// The escaped inside of a JSON string, without quotes, as Writer::string
/// writes it.
void write_escaped(Output &out, std::string_view plain);

}
