// The line rules of server-sent events. Of a line only what matters is kept:
// how far it looks like "data:", and then its value; comments and other fields
// of any length cost nothing.
#include "core/sse/splitter.hpp"

#include <cstring>

namespace gw::sse {

namespace {

constexpr std::string_view data_field = "data:";
constexpr std::string_view bom = "\xef\xbb\xbf";

// A buffer that had to hold more goes back, so that one large event does not
// stay with the stream.
constexpr std::size_t keep_capacity = 64 * 1024;

// Two searches at the speed of memchr, in windows: a stream that knows only
// one of the two ends must not be searched to its end for the other each time.
std::size_t find_line_end(std::string_view bytes)
{
    constexpr std::size_t window = 1024;

    for (std::size_t from = 0; from < bytes.size(); from += window) {
        const char *begin = bytes.data() + from;
        std::size_t size = bytes.size() - from;
        size = size < window ? size : window;

        auto *lf = static_cast<const char *>(std::memchr(begin, '\n', size));

        if (lf != nullptr) {
            size = static_cast<std::size_t>(lf - begin);
        }

        auto *cr = size == 0 ? nullptr
            : static_cast<const char *>(std::memchr(begin, '\r', size));
        auto *end = cr != nullptr ? cr : lf;

        if (end != nullptr) {
            return static_cast<std::size_t>(end - bytes.data());
        }
    }

    return std::string_view::npos;
}

}

Splitter::Splitter(std::size_t max_event)
    : max_(max_event), elements_(max_event)
{
}

Splitter::Step Splitter::next(std::string_view &bytes, std::string_view &data)
{
    forget_delivered();

    if (failed_) {
        return Step::too_large;
    }

    if (bare_) {
        return next_bare(bytes, data);
    }

    skip_bom(bytes);

    // The data of the event at hand is data_ and then this, which lies in
    // `bytes` and is copied only when the event does not end there.
    std::string_view whole;

    while (!bytes.empty()) {
        if (skip_lf_) {
            skip_lf_ = false;

            if (bytes[0] == '\n') {
                bytes.remove_prefix(1);
                continue;
            }
        }

        if (line_ == Line::begin && matched_ == 0 && !has_data_
            && (bytes[0] == '{' || bytes[0] == '['))
        {
            bare_ = true;
            return next_bare(bytes, data);
        }

        std::size_t end = find_line_end(bytes);
        std::string_view piece = bytes.substr(0, end);

        if (!take(piece, whole)) {
            return fail();
        }

        bytes.remove_prefix(piece.size());

        if (bytes.empty()) {
            break;
        }

        skip_lf_ = bytes[0] == '\r';
        bytes.remove_prefix(1);

        if (skip_lf_ && !bytes.empty()) {
            skip_lf_ = false;
            bytes.remove_prefix(bytes[0] == '\n');
        }

        bool blank = line_ == Line::begin && matched_ == 0;

        if (!end_line(whole)) {
            return fail();
        }

        if (!blank || !has_data_) {
            continue;
        }

        has_data_ = false;

        if (!data_.empty()) {
            keep(whole);
            data = data_;
            delivered_ = true;
            return Step::event;
        }

        if (!whole.empty()) {
            data = whole;
            return Step::event;
        }
    }

    keep(whole);
    return Step::more;
}

Splitter::Step Splitter::finish(std::string_view &data)
{
    forget_delivered();

    std::string_view none;

    if (failed_ || !end_line(none)) {
        return fail();
    }

    if (!has_data_ || data_.empty()) {
        return Step::more;
    }

    has_data_ = false;
    data = data_;
    delivered_ = true;

    return Step::event;
}

Splitter::Step Splitter::fail()
{
    failed_ = true;
    return Step::too_large;
}

void Splitter::forget_delivered()
{
    if (!delivered_) {
        return;
    }

    delivered_ = false;
    data_.clear();

    if (data_.capacity() > keep_capacity) {
        std::string().swap(data_);
    }
}

void Splitter::skip_bom(std::string_view &bytes)
{
    while (!started_ && !bytes.empty()) {
        if (bytes[0] == bom[bom_matched_]) {
            bytes.remove_prefix(1);
            started_ = ++bom_matched_ == bom.size();
            continue;
        }

        started_ = true;

        // Part of a BOM is the beginning of a line that says nothing.
        if (bom_matched_ > 0) {
            line_ = Line::ignored;
        }
    }
}

// A data line begins; behind the first of an event it adds an LF.
bool Splitter::begin_value(std::string_view &whole)
{
    line_ = Line::value_begin;

    if (!has_data_) {
        has_data_ = true;
        return true;
    }

    keep(whole);
    data_ += '\n';

    return data_.size() <= max_;
}

// A piece of one line, its end not included. false: too large.
bool Splitter::take(std::string_view piece, std::string_view &whole)
{
    if (line_ == Line::begin) {
        while (matched_ < data_field.size() && !piece.empty()) {
            if (piece[0] != data_field[matched_]) {
                line_ = Line::ignored;
                return true;
            }

            ++matched_;
            piece.remove_prefix(1);
        }

        if (matched_ < data_field.size()) {
            return true;
        }

        if (!begin_value(whole)) {
            return false;
        }
    }

    return line_ == Line::ignored || take_value(piece, whole);
}

bool Splitter::take_value(std::string_view piece, std::string_view &whole)
{
    if (piece.empty()) {
        return true;
    }

    if (line_ == Line::value_begin) {
        line_ = Line::value;
        piece.remove_prefix(piece[0] == ' ');
    }

    if (piece.size() > max_ - data_.size()) {
        return false;
    }

    if (data_.empty()) {
        whole = piece;
    } else {
        data_ += piece;
    }

    return true;
}

void Splitter::keep(std::string_view &whole)
{
    data_ += whole;
    whole = {};
}

bool Splitter::end_line(std::string_view &whole)
{
    // The field's name alone is the field with an empty value.
    bool name_only = line_ == Line::begin
                     && matched_ == data_field.size() - 1;
    bool fits = !name_only || begin_value(whole);

    line_ = Line::begin;
    matched_ = 0;

    return fits;
}

Splitter::Step Splitter::next_bare(std::string_view &bytes,
    std::string_view &data)
{
    switch (elements_.next(bytes, data)) {
    case json::Elements::Step::more:
        return Step::more;
    case json::Elements::Step::object:
        return Step::bare_json;
    case json::Elements::Step::too_large:
        break;
    }

    return fail();
}

}
