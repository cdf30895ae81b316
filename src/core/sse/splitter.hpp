// Server-sent events out of bytes cut anywhere.
#pragma once

#include "core/json/elements.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace gw::sse {

/// Lines end with CR, LF or CRLF, in any mix; only those bytes end a line.
/// "data:" with or without a space; several data lines of one event are joined
/// by LF; comments, other fields and empty events are skipped; a BOM at the
/// start too. A line that starts with '{' or '[' outside an event begins bare
/// JSON, which is split into its top-level objects from there on. An event
/// that lies whole in the bytes given is not copied.
/// Source: WHATWG HTML 9.2, reference/stream-framing.md section 1.
class Splitter {
public:
    /// max_event: the largest data of one event, in bytes.
    explicit Splitter(std::size_t max_event);

    enum class Step {
        more,           // all bytes were taken, no further event in them
        event,          // `data` holds one event's data
        bare_json,      // `data` holds one object that was not in an event
        too_large       // an event over max_event: the stream is unusable,
                        // and every further call says so
    };

    /// Takes bytes from the front of `bytes`. After event or bare_json call
    /// again with what is left. `data` is valid until the next call.
    Step next(std::string_view &bytes, std::string_view &data);

    /// The upstream has ended: gives the event that no blank line closed.
    /// Step::more: nothing was pending.
    Step finish(std::string_view &data);

private:
    /// What is known of the line at hand.
    enum class Line {
        begin,          // `matched_` bytes of "data:" so far
        value_begin,    // behind the colon, where one space does not count
        value,
        ignored
    };

    Step fail();
    void forget_delivered();
    void skip_bom(std::string_view &bytes);
    bool begin_value(std::string_view &whole);
    bool take(std::string_view piece, std::string_view &whole);
    bool take_value(std::string_view piece, std::string_view &whole);
    void keep(std::string_view &whole);
    bool end_line(std::string_view &whole);
    Step next_bare(std::string_view &bytes, std::string_view &data);

    std::size_t max_;
    Line line_ = Line::begin;
    std::size_t matched_ = 0;
    std::size_t bom_matched_ = 0;
    bool started_ = false;      // behind the place for a BOM
    bool bare_ = false;
    bool skip_lf_ = false;      // the last byte was a CR
    bool has_data_ = false;     // the event at hand has a data line
    bool delivered_ = false;    // data_ was given away and may go
    bool failed_ = false;
    std::string data_;          // of the event at hand, once it was cut
    json::Elements elements_;
};

}
