#include "nginx/upstream.hpp"

#include "nginx/authorization.hpp"
#include "nginx/choice.hpp"
#include "nginx/headers.hpp"
#include "nginx/log.hpp"
#include "nginx/models_cache.hpp"
#include "nginx/resources.hpp"

#include <string>

namespace gw::ngx {

namespace {

constexpr std::string_view user_agent = "nginx-gemini";

void write_field(std::string_view name, std::string_view value, Output &out)
{
    out.append("\r\n");
    out.append(name);
    out.append(": ");
    out.append(value);
}

/// What of a native client's head says something about its body, or about the
/// client to Google. All else stays here, credentials above all.
void write_client_headers(ngx_http_request_t *r, Output &out)
{
    constexpr std::string_view names[] = {
        "content-type", "x-goog-api-client", "x-server-timeout"
    };

    for (std::string_view name : names) {
        ngx_table_elt_t *h = find_header(r, name);

        if (h != nullptr) {
            write_field(name, view(h->value), out);
        }
    }
}

/// Of an upload the head says how it is to go on.
void write_upload_headers(ngx_http_request_t *r, Output &out)
{
    constexpr std::string_view prefixes[] = {
        "x-goog-upload-", "x-upload-content-", "content-range"
    };

    for_each_header(r, [&](const ngx_table_elt_t &h) {
        std::string_view name(reinterpret_cast<char *>(h.lowcase_key),
            h.key.len);

        for (std::string_view prefix : prefixes) {
            if (name.substr(0, prefix.size()) == prefix) {
                write_field(name, view(h.value), out);
            }
        }
    });
}

/// The request's head for one try: everything but the body, which stays the
/// same. The credential goes in a header, never into the URI, which nginx
/// logs. No Accept-Encoding: the answer is to be read.
ngx_int_t write_head(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    ngx_http_upstream_t *u = r->upstream;
    const Target &target = *destination_of(ctx).target;

    ChainOutput out(r->pool, 1024);
    StringOutput path;

    path.append(view(target.path));
    ctx->front->write_path(ctx->model, keys::place_of(credential_of(ctx)),
        path);
    u->uri = copy(r->pool, path.view());

    if (u->uri.data == nullptr) {
        return NGX_ERROR;
    }

    out.append(view(u->method));
    out.append(' ');
    out.append(path.view());
    out.append(" HTTP/1.1\r\nHost: ");
    out.append(view(target.host_header));
    out.append("\r\nUser-Agent: ");
    out.append(user_agent);
    write_authorization(ctx, out);

    if (ctx->conf->native) {
        write_client_headers(r, out);
    }

    if (ctx->operation == Operation::upload) {
        write_upload_headers(r, out);
    }

    if (ctx->body != nullptr && !ctx->conf->native) {
        out.append("\r\nContent-Type: application/json");
    }

    // What comes unread may be on its way still.
    bool unread = ctx->body == nullptr && ctx->body_size != 0;

    if (ctx->body != nullptr || unread || view(u->method) == "POST") {
        out.append("\r\nContent-Length: ");
        out.append_number(ctx->body_size);
    }

    out.append("\r\n\r\n");

    ngx_chain_t *head = out.finish();
    ngx_chain_t *last = head;

    while (last->next != nullptr) {
        last = last->next;
    }

    last->next = ctx->body;

    while (last->next != nullptr) {
        last = last->next;
    }

    // Without it nginx's TLS layer keeps a small request in its buffer.
    last->buf->flush = 1;
    u->request_bufs = head;

    return NGX_OK;
}

ngx_int_t create_request(ngx_http_request_t *r)
{
    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() { return write_head(context_of(r)); });
}

ngx_int_t reinit_request(ngx_http_request_t *r)
{
    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            RequestContext *ctx = context_of(r);

            r->upstream->process_header = process_status_line;
            r->state = 0;
            ctx->status = {};
            ctx->held.size = 0;
            ctx->held.cut_short = false;
            ctx->retry_after_ms.reset();
            ctx->content_type.clear();
            ctx->json_body = false;
            ctx->head_fields.clear();
            ctx->error.reset();
            ctx->front->start_over();

            return write_head(ctx);
        });
}

void abort_request(ngx_http_request_t *)
{
}

/// What the answer says it cost goes to the client's limits and, in place of
/// the estimate, to the key's quota.
void settle_usage(RequestContext *ctx)
{
    settle_quota(ctx);

    if (ctx->client_limits != nullptr) {
        keys::add_tokens(*ctx->client_limits,
            ctx->front->outcome().usage.total_tokens(), now_ms());
    }
}

/// What upstream.c would take from the request's pool, and with it from the
/// heap. Its lists of header fields it makes then too; they stay empty here,
/// where header fields are read otherwise.
ngx_int_t give_read_buffer(RequestContext *ctx)
{
    ngx_http_upstream_t *u = ctx->r->upstream;
    std::size_t size = ctx->conf->upstream.buffer_size;

    // A request that has waited for a key comes here again.
    if (ctx->read_buffer == nullptr) {
        ctx->read_buffer = take_recycled(size);
        ctx->read_buffer_size = size;
    }

    if (ctx->read_buffer == nullptr) {
        return NGX_ERROR;
    }

    u->buffer.start = static_cast<u_char *>(ctx->read_buffer);
    u->buffer.pos = u->buffer.start;
    u->buffer.last = u->buffer.start;
    u->buffer.end = u->buffer.start + size;
    u->buffer.temporary = 1;
    u->buffer.tag = u->output.tag;

    return NGX_OK;
}

void finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    guarded(r->connection->log, 0, [&]() -> int {
        RequestContext *ctx = context_of(r);

        stop_keep_alive(ctx);
        finish_body(ctx, rc);
        settle_usage(ctx);

        if (ctx->tries.open) {
            ctx->tries.open = false;
            ctx->pool().end_try(ctx->tries.credential);
        }

        return 0;
    });
}

/// A credential, for a list of the first project that has one.
bool find_for_list(RequestContext *ctx, keys::Choice &choice)
{
    while (!find_credential(ctx, choice)) {
        ChainOutput nothing(ctx->r->pool, 64);

        if (ctx->front->project() == 0 || !is_out(choice)
            || ctx->front->skip_project(nothing) != front::Whole::more)
        {
            return false;
        }

        ctx->project = ctx->front->project();
    }

    return true;
}

}

Destination &destination_of(RequestContext *ctx)
{
    return ctx->conf->destinations->of(credential_of(ctx));
}

bool take_destination(RequestContext *ctx)
{
    Destination &destination = destination_of(ctx);
    const Target &target = *destination.target;

    if (destination.wrapped == nullptr) {
        // Not earlier: balancers may wrap peer.init as late as in their own
        // init_process. The configuration is this worker's own copy by now.
        destination.wrapped = static_cast<ngx_http_upstream_srv_conf_t *>(
            ngx_palloc(ngx_cycle->pool,
                sizeof(ngx_http_upstream_srv_conf_t)));

        if (destination.wrapped == nullptr) {
            return false;
        }

        *destination.wrapped = *target.group;
        destination.wrapped->peer.init = init_peer;
        destination.upstream.upstream = destination.wrapped;
    }

    ngx_http_upstream_t *u = ctx->r->upstream;

    u->conf = &destination.upstream;
    u->ssl = target.tls;
    u->schema = target.tls ? ngx_str_t ngx_string("https://")
                           : ngx_str_t ngx_string("http://");

    return true;
}

const keys::Credential &credential_of(RequestContext *ctx)
{
    return ctx->pool().credentials()[ctx->tries.credential];
}

void settle_quota(RequestContext *ctx)
{
    auto counted = ctx->front->counted_tokens();

    if (counted && ctx->tries.reservation.use_id != 0) {
        ctx->pool().settle(ctx->tries.reservation, *counted);
        ctx->tries.reservation = {};
    }
}

void log_shortage(RequestContext *ctx, const Error &error)
{
    ngx_log_error(NGX_LOG_ERR, ctx->r->connection->log, 0,
        "gemini: no key in pool \"%V\" is usable: %*s",
        &ctx->conf->pool->name, GW_LOG(error.message));
}

ngx_int_t start_upstream(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    keys::Choice choice;

    if (!find_for_list(ctx, choice)) {
        if (wait_for_credential(ctx, choice)) {
            return NGX_DONE;
        }

        Error error = shortage_of(ctx, choice);

        log_shortage(ctx, error);

        return send_stale_or_error(ctx, error);
    }

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!take_destination(ctx)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_upstream_t *u = r->upstream;

    u->method = str(ctx->front->upstream_method());
    u->output.tag = reinterpret_cast<ngx_buf_tag_t>(&ngx_http_gemini_module);
    u->buffering = 0;

    u->create_request = create_request;
    u->reinit_request = reinit_request;
    u->process_header = process_status_line;
    u->abort_request = abort_request;
    u->finalize_request = finalize_request;
    u->input_filter_init = start_body;
    u->input_filter = filter_body;
    u->input_filter_ctx = ctx;

    if (give_read_buffer(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->out.emplace(r->pool, &u->free_bufs, u->output.tag);
    start_keep_alive(ctx);

    ngx_http_upstream_init(r);

    return NGX_DONE;
}

}
