#include "nginx/context.hpp"

#include "core/keys/wipe.hpp"
#include "core/openai/error.hpp"
#include "nginx/metrics.hpp"
#include "nginx/request_id.hpp"

namespace gw::ngx {

namespace {

void destroy_context(void *data)
{
    static_cast<RequestContext *>(data)->~RequestContext();
}

}

RequestContext::RequestContext(ngx_http_request_t *request)
    : r(request), conf(location_conf(request))
{
    request_id = request_id_of(r,
        static_cast<ngx_uint_t>(main_conf(r)->request_id_index));
}

RequestContext::~RequestContext()
{
    if (keep_alive.event.timer_set) {
        ngx_del_timer(&keep_alive.event);
    }

    if (waiting.event.timer_set) {
        ngx_del_timer(&waiting.event);
    }

    if (tries.reserved) {
        pool().give_back(tries.reservation);
    }

    // finalize_request is not called when the upstream never came to life.
    if (tries.open) {
        pool().end_try(tries.credential);
    }

    note_stream_closed(this);
    keys::wipe(token.text);

    if (front != nullptr) {
        front->~Front();
    }

    if (read_buffer != nullptr) {
        give_recycled(read_buffer, read_buffer_size);
    }
}

std::string_view RequestContext::error_code() const
{
    return error ? openai::code_of(*error) : std::string_view();
}

RequestContext *context_of(ngx_http_request_t *r)
{
    auto *ctx = static_cast<RequestContext *>(
        ngx_http_get_module_ctx(r, ngx_http_gemini_module));

    if (ctx != nullptr || !(r->internal || r->filter_finalize)) {
        return ctx;
    }

    // An internal redirect wipes r->ctx; the pool still has what it held.
    for (ngx_pool_cleanup_t *cln = r->pool->cleanup; cln != nullptr;
         cln = cln->next)
    {
        if (cln->handler == destroy_context) {
            ctx = static_cast<RequestContext *>(cln->data);
            ngx_http_set_ctx(r, ctx, ngx_http_gemini_module);
            return ctx;
        }
    }

    return nullptr;
}

RequestContext *need_context(ngx_http_request_t *r)
{
    RequestContext *ctx = context_of(r);

    if (ctx != nullptr) {
        return ctx;
    }

    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(r->pool, 0);
    void *memory = ngx_palloc(r->pool, sizeof(RequestContext));

    if (cln == nullptr || memory == nullptr) {
        return nullptr;
    }

    ctx = new (memory) RequestContext(r);
    cln->handler = destroy_context;
    cln->data = ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_gemini_module);
    return ctx;
}

}
