#include "nginx/framing.hpp"

#include "nginx/compat.hpp"

namespace gw::ngx {

std::string_view Framing::take(ngx_buf_t *b, off_t size)
{
    if (size > b->last - b->pos) {
        size = b->last - b->pos;
    }

    std::string_view piece(reinterpret_cast<const char *>(b->pos),
        static_cast<std::size_t>(size));

    b->pos += size;
    return piece;
}

Framing::Step Framing::next(ngx_http_request_t *r, ngx_buf_t *b,
    std::string_view &piece)
{
    if (kind_ == Kind::length && rest_ == 0) {
        return Step::done;
    }

    if (b->pos == b->last) {
        return Step::more;
    }

    switch (kind_) {

    case Kind::until_close:
        piece = take(b, b->last - b->pos);
        return Step::piece;

    case Kind::length:
        piece = take(b, rest_);
        rest_ -= static_cast<off_t>(piece.size());
        return Step::piece;

    case Kind::chunked:
        break;
    }

    switch (parse_chunked(r, b, &chunked_)) {

    case NGX_OK:
        piece = take(b, chunked_.size);
        chunked_.size -= static_cast<off_t>(piece.size());
        return Step::piece;

    case NGX_DONE:
        return Step::done;

    case NGX_AGAIN:
        return Step::more;
    }

    return Step::broken;
}

}
