#include "nginx/variables.hpp"

#include "nginx/upstream.hpp"

#include <string>

namespace gw::ngx {

namespace {

/// A variable's text for a request; nullopt: the request has none.
using Getter = std::optional<std::string> (*)(RequestContext *ctx);

std::optional<std::string> text_or_none(std::string_view text)
{
    return text.empty() ? std::nullopt
                        : std::make_optional<std::string>(text);
}

std::optional<std::string> tokens(RequestContext *ctx,
    std::int64_t gemini::Usage::*count)
{
    if (ctx->front == nullptr || !ctx->front->outcome().has_usage) {
        return std::nullopt;
    }

    return std::to_string(ctx->front->outcome().usage.*count);
}

struct Row {
    ngx_str_t name;
    Getter get;
};

const Row rows[] = {
    { ngx_string("gemini_operation"), [](RequestContext *ctx) {
        return ctx->operation ? text_or_none(openai::name_of(*ctx->operation))
                              : std::nullopt;
    } },
    { ngx_string("gemini_client"), [](RequestContext *ctx) {
        return ctx->client != nullptr ? text_or_none(ctx->client->name)
                                      : std::nullopt;
    } },
    { ngx_string("gemini_key"), [](RequestContext *ctx) {
        return ctx->tries.earlier + ctx->tries.attempts != 0
            ? text_or_none(credential_of(ctx).name) : std::nullopt;
    } },
    { ngx_string("gemini_model"), [](RequestContext *ctx) {
        return text_or_none(ctx->model);
    } },
    { ngx_string("gemini_requested_model"), [](RequestContext *ctx) {
        return text_or_none(ctx->requested_model);
    } },
    { ngx_string("gemini_stream"), [](RequestContext *ctx) {
        return ctx->front != nullptr
            ? text_or_none(ctx->front->streams() ? "1" : "0") : std::nullopt;
    } },
    { ngx_string("gemini_tries"), [](RequestContext *ctx) {
        return ctx->front != nullptr
            ? text_or_none(std::to_string(
                  ctx->tries.earlier + ctx->tries.attempts))
            : std::nullopt;
    } },
    { ngx_string("gemini_finish_reason"), [](RequestContext *ctx) {
        return ctx->front != nullptr
            ? text_or_none(ctx->front->outcome().finish_reason)
            : std::nullopt;
    } },
    { ngx_string("gemini_prompt_tokens"), [](RequestContext *ctx) {
        return tokens(ctx, &gemini::Usage::prompt_tokens);
    } },
    { ngx_string("gemini_completion_tokens"), [](RequestContext *ctx) {
        return tokens(ctx, &gemini::Usage::completion_tokens);
    } },
    { ngx_string("gemini_reasoning_tokens"), [](RequestContext *ctx) {
        return tokens(ctx, &gemini::Usage::reasoning_tokens);
    } },
    { ngx_string("gemini_cached_tokens"), [](RequestContext *ctx) {
        return tokens(ctx, &gemini::Usage::cached_tokens);
    } },
    { ngx_string("gemini_first_token_time"), [](RequestContext *ctx) {
        std::optional<std::string> text;

        if (ctx->first_token_ms >= 0) {
            char buf[32];
            auto *end = ngx_sprintf(reinterpret_cast<u_char *>(buf),
                "%L.%03L", ctx->first_token_ms / 1000,
                ctx->first_token_ms % 1000);

            text.emplace(buf, reinterpret_cast<char *>(end));
        }

        return text;
    } },
    { ngx_string("gemini_error"), [](RequestContext *ctx) {
        return text_or_none(ctx->error_code());
    } },
};

ngx_int_t get_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            RequestContext *ctx = context_of(r);
            std::optional<std::string> text;

            if (ctx != nullptr) {
                text = reinterpret_cast<const Row *>(data)->get(ctx);
            }

            v->not_found = !text;

            if (!text) {
                return NGX_OK;
            }

            ngx_str_t kept = copy(r->pool, *text);

            if (kept.data == nullptr) {
                return NGX_ERROR;
            }

            v->data = kept.data;
            v->len = static_cast<unsigned>(kept.len);
            v->valid = 1;
            v->no_cacheable = 0;

            return NGX_OK;
        });
}

}

ngx_int_t add_variables(ngx_conf_t *cf)
{
    for (const Row &row : rows) {
        ngx_str_t name = row.name;
        // Not cacheable: most become known only at the end.
        ngx_http_variable_t *var = ngx_http_add_variable(cf, &name,
            NGX_HTTP_VAR_NOCACHEABLE);

        if (var == nullptr) {
            return NGX_ERROR;
        }

        var->get_handler = get_variable;
        var->data = reinterpret_cast<uintptr_t>(&row);
    }

    return NGX_OK;
}

}
