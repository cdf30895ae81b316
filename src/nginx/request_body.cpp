#include "nginx/request_body.hpp"

namespace gw::ngx {

ngx_int_t gather_body(ngx_http_request_t *r, std::string_view &body)
{
    ngx_chain_t *cl = r->request_body != nullptr ? r->request_body->bufs
                                                 : nullptr;
    off_t size = 0;

    for (ngx_chain_t *each = cl; each != nullptr; each = each->next) {
        size += ngx_buf_size(each->buf);
    }

    if (size == 0) {
        return NGX_OK;
    }

    if (cl->next == nullptr && !cl->buf->in_file) {
        body = {reinterpret_cast<char *>(cl->buf->pos),
                static_cast<std::size_t>(size)};
        return NGX_OK;
    }

    auto *start = static_cast<u_char *>(ngx_pnalloc(r->pool,
        static_cast<std::size_t>(size)));

    if (start == nullptr) {
        return NGX_ERROR;
    }

    u_char *p = start;

    for (/* void */; cl != nullptr; cl = cl->next) {
        ngx_buf_t *b = cl->buf;
        auto n = static_cast<std::size_t>(ngx_buf_size(b));

        if (!b->in_file) {
            p = ngx_cpymem(p, b->pos, n);
            continue;
        }

        if (ngx_read_file(b->file, p, n, b->file_pos)
            != static_cast<ssize_t>(n))
        {
            return NGX_ERROR;
        }

        p += n;
    }

    body = {reinterpret_cast<char *>(start), static_cast<std::size_t>(size)};
    return NGX_OK;
}

ngx_int_t refer_to_body(ngx_http_request_t *r, ngx_chain_t **body,
    off_t &size)
{
    ngx_chain_t **last = body;

    *body = nullptr;
    size = 0;

    if (r->request_body == nullptr) {
        return NGX_OK;
    }

    for (ngx_chain_t *cl = r->request_body->bufs; cl != nullptr;
         cl = cl->next)
    {
        ngx_chain_t *link = ngx_alloc_chain_link(r->pool);
        auto *b = static_cast<ngx_buf_t *>(ngx_alloc_buf(r->pool));

        if (link == nullptr || b == nullptr) {
            return NGX_ERROR;
        }

        *b = *cl->buf;

        // upstream.c starts each try from there.
        b->start = b->pos;

        link->buf = b;
        link->next = nullptr;
        *last = link;
        last = &link->next;
        size += ngx_buf_size(b);
    }

    return NGX_OK;
}

}
