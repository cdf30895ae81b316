#include "core/http/response.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gw::http {

namespace {

// Of a line that is put together from several cuts.
constexpr std::size_t max_size_digits = 8;
constexpr std::size_t max_length_digits = 15;

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int hex_digit(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }

    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool has_no_body(int status)
{
    return status == 204 || status == 304;
}

/// RFC 9110 5.6.2
bool is_token(std::string_view text)
{
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";

    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
               || marks.find(c) != std::string_view::npos;
    });
}

}

ResponseReader::State ResponseReader::fail(std::string_view why)
{
    problem_ = why;
    return state_ = State::failed;
}

ResponseReader::State ResponseReader::finish()
{
    return state_ = State::done;
}

/// false: the line goes on in the next cut.
bool ResponseReader::take_line(std::string_view &bytes, std::string_view &line)
{
    std::size_t end = bytes.find('\n');
    std::size_t taken = end == std::string_view::npos ? bytes.size()
                                                      : end + 1;

    if (taken > max_head_ - head_size_) {
        fail("its head is too large");
        return false;
    }

    head_size_ += taken;
    line_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);

    if (end == std::string_view::npos) {
        return false;
    }

    line = line_;
    line.remove_suffix(1);

    if (ends_with(line, "\r")) {
        line.remove_suffix(1);
    }

    return true;
}

void ResponseReader::take_body(std::string_view &bytes, std::uint64_t most)
{
    std::size_t size = static_cast<std::size_t>(
        std::min<std::uint64_t>(most, bytes.size()));

    if (size > max_body_ - body_.size()) {
        fail("its body is too large");
        return;
    }

    body_.append(bytes.substr(0, size));
    bytes.remove_prefix(size);
}

void ResponseReader::read_status_line(std::string_view line)
{
    // "HTTP/1.1 200" and perhaps a reason
    bool ok = line.size() >= 12 && starts_with(line, "HTTP/1.")
              && is_digit(line[7]) && line[8] == ' ' && is_digit(line[9])
              && is_digit(line[10]) && is_digit(line[11])
              && (line.size() == 12 || line[12] == ' ');

    status_ = ok ? (line[9] - '0') * 100 + (line[10] - '0') * 10
                       + (line[11] - '0') : 0;

    // Nobody has asked to switch protocols.
    if (status_ < 100 || status_ > 599 || status_ == 101) {
        fail("it does not speak HTTP/1.1");
        return;
    }

    part_ = Part::fields;
}

void ResponseReader::take_length(std::string_view value)
{
    if (value.empty() || value.size() > max_length_digits
        || !std::all_of(value.begin(), value.end(), is_digit))
    {
        fail("its length is none");
        return;
    }

    std::uint64_t length = 0;

    for (char c : value) {
        length = length * 10 + static_cast<std::uint64_t>(c - '0');
    }

    if (has_length_ && length != left_) {
        fail("it has two lengths");
        return;
    }

    has_length_ = true;
    left_ = length;
}

void ResponseReader::read_field(std::string_view line)
{
    std::size_t colon = line.find(':');

    // A line that goes on with a blank is obsolete, RFC 9112 5.2.
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
        fail("its head is broken");
        return;
    }

    std::string_view name = line.substr(0, colon);
    std::string_view value = trim(line.substr(colon + 1));

    if (iequals(name, "content-length")) {
        take_length(value);

    } else if (iequals(name, "transfer-encoding")) {
        if (chunked_ || !iequals(value, "chunked")) {
            fail("it is in a coding that was not asked for");
        }

        chunked_ = true;

    } else if (iequals(name, "content-encoding")) {
        if (!value.empty() && !iequals(value, "identity")) {
            fail("it is in a coding that was not asked for");
        }

    } else if (iequals(name, "retry-after")) {
        retry_after_ = value;

    } else if (iequals(name, "date")) {
        date_ = value;
    }
}

void ResponseReader::begin_body()
{
    if (chunked_ && has_length_) {
        fail("it has two lengths");

    } else if (status_ < 200) {
        // Another head follows, the answer's.
        status_ = 0;
        chunked_ = false;
        has_length_ = false;
        left_ = 0;
        retry_after_.clear();
        date_.clear();
        part_ = Part::status_line;

    } else if (has_no_body(status_) || (has_length_ && left_ == 0)) {
        finish();

    } else if (chunked_) {
        part_ = Part::chunk_size;

    } else if (!has_length_) {
        part_ = Part::body_until_close;

    } else if (left_ > max_body_) {
        fail("its body is too large");

    } else {
        part_ = Part::body_of_length;
    }
}

void ResponseReader::read_chunk_size(std::string_view line)
{
    std::string_view digits = trim(line.substr(0, line.find(';')));

    if (digits.empty() || digits.size() > max_size_digits) {
        fail("its chunks are broken");
        return;
    }

    left_ = 0;

    for (char c : digits) {
        int digit = hex_digit(c);

        if (digit < 0) {
            fail("its chunks are broken");
            return;
        }

        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
    }

    if (left_ > max_body_ - body_.size()) {
        fail("its body is too large");
        return;
    }

    part_ = left_ != 0 ? Part::chunk_data : Part::trailers;
}

void ResponseReader::line_ends(std::string_view line)
{
    switch (part_) {

    case Part::status_line:
        read_status_line(line);
        break;

    case Part::fields:
        line.empty() ? begin_body() : read_field(line);
        break;

    case Part::chunk_size:
        read_chunk_size(line);
        break;

    case Part::chunk_end:
        if (!line.empty()) {
            fail("its chunks are broken");
        }

        part_ = Part::chunk_size;
        break;

    case Part::trailers:
        if (line.empty()) {
            finish();
        }

        break;

    case Part::body_of_length:
    case Part::body_until_close:
    case Part::chunk_data:
        break;
    }
}

ResponseReader::State ResponseReader::feed(std::string_view bytes)
{
    while (state_ == State::more && !bytes.empty()) {
        std::size_t before;

        switch (part_) {

        case Part::body_until_close:
            take_body(bytes, bytes.size());
            break;

        case Part::body_of_length:
        case Part::chunk_data:
            before = bytes.size();
            take_body(bytes, left_);
            left_ -= before - bytes.size();

            if (left_ != 0) {
                break;
            }

            if (part_ == Part::chunk_data) {
                part_ = Part::chunk_end;
            } else {
                finish();
            }

            break;

        default:
            std::string_view line;

            if (take_line(bytes, line)) {
                line_ends(line);
                line_.clear();
            }
        }
    }

    return state_;
}

ResponseReader::State ResponseReader::close()
{
    if (state_ != State::more) {
        return state_;
    }

    if (part_ == Part::body_until_close) {
        return finish();
    }

    return fail(head_size_ == 0 ? "the connection was closed without an answer"
                                : "the answer was cut off");
}

}
