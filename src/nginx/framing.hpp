// Where an HTTP/1.1 body ends (RFC 9112 section 6), and its bytes without the
// framing.
#pragma once

#include "nginx/ngx.hpp"

#include <string_view>

namespace gw::ngx {

class Framing {
public:
    enum class Kind { until_close, length, chunked };
    enum class Step {
        piece,      // `piece` is set; call again
        more,       // everything given was taken
        done,       // the body is complete; bytes may be left over in b
        broken      // not what the head promised
    };

    void start(Kind kind, off_t length)
    {
        kind_ = kind;
        rest_ = length;
        chunked_ = {};
    }

    /// Takes the next piece of the body from b, advancing b->pos. The piece
    /// lies in b.
    Step next(ngx_http_request_t *r, ngx_buf_t *b, std::string_view &piece);

    Kind kind() const { return kind_; }
    /// Body bytes that are still to come, when kind is length.
    off_t rest() const { return rest_; }

private:
    std::string_view take(ngx_buf_t *b, off_t size);

    Kind kind_ = Kind::until_close;
    off_t rest_ = 0;
    ngx_http_chunked_t chunked_{};
};

}
