// The answer to a small HTTP/1.1 request of our own, read from bytes in any
// cut. Source: RFC 9112 sections 4 to 7.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw::http {

/// One answer to one request that was no HEAD, on a connection of its own.
/// Same outcome for any cut of the same bytes. What is ambiguous (two lengths,
/// a length beside chunks, a coding nobody asked for) is refused, for the
/// answer decides whether a key is used.
class ResponseReader {
public:
    enum class State : std::uint8_t { more, done, failed };

    /// Bytes of all heads together, trailers too, and of the body.
    ResponseReader(std::size_t max_head, std::size_t max_body)
        : max_head_(max_head), max_body_(max_body)
    {
    }

    /// What comes behind the end is not looked at.
    State feed(std::string_view bytes);

    /// The peer has closed: the end of a body without a length, else of hope.
    State close();

    State state() const { return state_; }

    /// 200 … 599, once done.
    int status() const { return status_; }
    const std::string &body() const { return body_; }
    /// The fields' values; empty: it was not there.
    const std::string &retry_after() const { return retry_after_; }
    const std::string &date() const { return date_; }

    /// Why it has failed; for a log, nothing of the answer is in it.
    std::string_view problem() const { return problem_; }

private:
    enum class Part : std::uint8_t {
        status_line, fields, body_of_length, body_until_close, chunk_size,
        chunk_data, chunk_end, trailers
    };

    State fail(std::string_view why);
    State finish();
    bool take_line(std::string_view &bytes, std::string_view &line);
    void take_body(std::string_view &bytes, std::uint64_t most);
    void line_ends(std::string_view line);
    void begin_body();
    void read_status_line(std::string_view line);
    void read_field(std::string_view line);
    void read_chunk_size(std::string_view line);
    void take_length(std::string_view value);

    std::size_t max_head_;
    std::size_t max_body_;
    State state_ = State::more;
    Part part_ = Part::status_line;
    std::size_t head_size_ = 0;
    std::string line_;              // begun in an earlier cut
    std::string_view problem_;

    int status_ = 0;
    bool chunked_ = false;
    bool has_length_ = false;
    std::uint64_t left_ = 0;        // of the body or the chunk
    std::string body_;
    std::string retry_after_;
    std::string date_;
};

}
