#include "nginx/handler.hpp"

#include "core/base/text.hpp"
#include "core/front/chat.hpp"
#include "core/front/completions.hpp"
#include "core/front/embeddings.hpp"
#include "core/front/models.hpp"
#include "core/front/native.hpp"
#include "core/front/native_list.hpp"
#include "core/front/native_resource.hpp"
#include "core/gemini/family.hpp"
#include "core/openai/error.hpp"
#include "nginx/answer.hpp"
#include "nginx/choice.hpp"
#include "nginx/log.hpp"
#include "nginx/models_cache.hpp"
#include "nginx/headers.hpp"
#include "nginx/request_body.hpp"
#include "nginx/resources.hpp"
#include "nginx/upstream.hpp"

#include <new>
#include <string>

namespace gw::ngx {

namespace {

std::string_view resolve_alias(LocationConf *conf, std::string_view model)
{
    if (conf->aliases != nullptr) {
        auto *aliases = static_cast<ModelAlias *>(conf->aliases->elts);

        for (ngx_uint_t i = 0; i < conf->aliases->nelts; ++i) {
            if (glob_match(view(aliases[i].from), model)) {
                return view(aliases[i].to);
            }
        }
    }

    return gemini::bare_model(model);
}

/// Which upstream model it is, and whether this client may have it.
Result<void> settle_model(RequestContext *ctx)
{
    ctx->requested_model = ctx->front->requested_model();
    ctx->model = resolve_alias(ctx->conf, ctx->requested_model);
    ctx->first_model = ctx->model;

    Error error;
    error.param = "model";

    if (!gemini::valid_model(ctx->model)) {
        error.kind = ErrorKind::bad_request;
        error.message = "\"" + scrub(ctx->requested_model, {}, 200)
                        + "\" cannot be the name of a model.";
        error.code = "invalid_value";
        return error;
    }

    if (ctx->client != nullptr && !ctx->client->may_use(ctx->requested_model)
        && !ctx->client->may_use(ctx->model))
    {
        error.kind = ErrorKind::forbidden;
        error.message = "This API key may not use the model \""
                        + scrub(ctx->requested_model, {}, 200) + "\".";
        return error;
    }

    return {};
}

front::Setting setting_of(RequestContext *ctx)
{
    front::Setting setting;

    setting.thoughts = static_cast<translate::Thoughts>(ctx->conf->thoughts);
    setting.safety = ctx->conf->safety;
    setting.safety_count = ctx->conf->safety_count;
    setting.max_event = ctx->conf->max_response;
    setting.now_sec = ngx_time();
    setting.request_id = ctx->request_id;
    setting.signatures = &*ctx->signatures;

    return setting;
}

template <typename T, typename... Args>
T *make_front(RequestContext *ctx, Args &&...args)
{
    void *memory = ngx_palloc(ctx->r->pool, sizeof(T));

    if (memory == nullptr) {
        throw std::bad_alloc();
    }

    T *made = new (memory) T(std::forward<Args>(args)...);
    ctx->front = made;

    return made;
}

/// The front of a request that brings a body.
void make_front_of(RequestContext *ctx, openai::Operation operation)
{
    if (operation == openai::Operation::embeddings) {
        make_front<front::Embeddings>(ctx, &ctx->memory);
        return;
    }

    ctx->signatures.emplace(ctx->zone(),
        ctx->client != nullptr ? ctx->client->limit_id() : 0);

    if (operation == openai::Operation::completions) {
        make_front<front::Completions>(ctx, setting_of(ctx), &ctx->memory);
    } else {
        make_front<front::Chat>(ctx, setting_of(ctx), &ctx->memory);
    }
}

/// Returns what a content handler returns.
ngx_int_t serve_body(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    std::string_view body;

    if (gather_body(r, body) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    make_front_of(ctx, *ctx->operation);

    auto read = ctx->front->read(body);

    if (read) {
        read = settle_model(ctx);
    }

    if (read) {
        read = settle_resources(ctx);
    }

    if (!read) {
        return send_error(r, ctx, read.error());
    }

    ctx->api = likely_api(ctx);

    auto written = write_body(ctx,
        body.size() < 65536 ? body.size() + 256 : 65536);

    if (!written) {
        return send_error(r, ctx, written.error());
    }

    return start_upstream(ctx);
}

/// What names something of Vertex AI goes to a credential of its place; where
/// the pool has none upstream says what is to be said.
void settle_place(RequestContext *ctx)
{
    gemini::Place named = ctx->front->named_place();

    if (named.project.empty()) {
        return;
    }

    for (const keys::Credential &credential : ctx->pool().credentials()) {
        if (credential.usable() && credential.api == gemini::Api::vertex
            && credential.cloud_project == named.project
            && credential.location == named.location)
        {
            ctx->project = credential.project_id;
            return;
        }
    }
}

/// Whether some credential of the pool speaks one of these.
bool has_one_of(RequestContext *ctx, gemini::Apis apis)
{
    for (const keys::Credential &credential : ctx->pool().credentials()) {
        if (credential.usable() && gemini::contains(apis, credential.api)) {
            return true;
        }
    }

    return false;
}

/// A path that nobody in the pool can serve is as if there were none.
Result<void> check_apis(RequestContext *ctx)
{
    gemini::Apis wanted = ctx->front->apis();

    if (has_one_of(ctx, wanted) || !has_one_of(ctx, gemini::every_api)) {
        return {};
    }

    bool vertex = wanted == gemini::only(gemini::Api::vertex);
    Error error;
    error.kind = ErrorKind::unknown_url;
    error.message = scrub(view(ctx->r->uri), {}, 200)
        + (vertex ? " is Vertex AI's, for which this gateway has no "
                    "credential."
                  : " is the Gemini API's, for which this gateway has no "
                    "credential: all are for Vertex AI.");

    return error;
}

bool brings_body(std::string_view method)
{
    return method != "GET" && method != "DELETE";
}

/// All that has to be known before a credential is chosen.
Result<void> settle_native(RequestContext *ctx)
{
    auto served = check_apis(ctx);

    if (!served) {
        return served;
    }

    if (!ctx->front->requested_model().empty()) {
        auto settled = settle_model(ctx);

        if (!settled) {
            return settled;
        }
    }

    settle_place(ctx);

    return settle_resources(ctx);
}

/// Of a body that nobody reads; what nginx holds back of it upstream.c sends.
ngx_int_t pass_body(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;

    if (r->request_body_no_buffering) {
        ctx->body_size = r->headers_in.content_length_n;
        return NGX_OK;
    }

    return refer_to_body(r, &ctx->body, ctx->body_size);
}

ngx_int_t serve_list(RequestContext *ctx)
{
    ctx->project = ctx->front->project();

    if (ctx->project != 0) {
        return start_upstream(ctx);
    }

    ChainOutput out(ctx->r->pool, 16);
    front::NativeList::write_empty(out);
    ngx_chain_t *page = out.finish();

    return send_json(ctx->r, ctx, NGX_HTTP_OK, page, out.size());
}

/// Gemini's own API: the model may change, in the path, and nothing else.
ngx_int_t serve_native(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    bool reads = brings_body(ctx->front->upstream_method())
                 && ctx->front->reads_body();
    std::string_view body;

    if (reads && gather_body(r, body) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    auto done = ctx->front->read(body);

    if (done) {
        done = settle_native(ctx);
    }

    if (done && reads) {
        done = write_body(ctx, 4096);
    }

    if (!done) {
        return send_error(r, ctx, done.error());
    }

    if (!ctx->front->reads_body() && pass_body(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->holdings) {
        return serve_list(ctx);
    }

    return start_upstream(ctx);
}

ngx_int_t serve(RequestContext *ctx)
{
    if (ctx->conf->native) {
        return serve_native(ctx);
    }

    if (ctx->models == nullptr) {
        return serve_body(ctx);
    }

    ngx_int_t rc = answer_fresh_models(ctx);

    return rc == NGX_DECLINED ? start_upstream(ctx) : rc;
}

void body_ready(ngx_http_request_t *r)
{
    ngx_int_t rc = guarded(r->connection->log,
        ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR},
        [&]() { return serve(context_of(r)); });

    // NGX_DONE: the upstream has taken over.
    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}

/// A copy that lives as long as the request: the URI may be changed.
std::string_view lasting(RequestContext *ctx, std::string_view text)
{
    ngx_str_t kept = copy(ctx->r->pool, text);

    if (kept.data == nullptr) {
        throw std::bad_alloc();
    }

    return view(kept);
}

std::string_view header_value(ngx_http_request_t *r, std::string_view name)
{
    ngx_table_elt_t *h = find_header(r, name);

    return h != nullptr ? view(h->value) : std::string_view();
}

void make_resource_front(RequestContext *ctx,
    const gemini::NativeRoute &route, std::string_view query)
{
    ngx_http_request_t *r = ctx->r;

    if (route.method == "GET" && !route.collection.empty()) {
        std::vector<std::uint64_t> projects = listed_projects(ctx);

        // One project's list for whoever asks is upstream's own.
        if (ctx->client != nullptr || projects.size() > 1) {
            ctx->holdings.emplace(ctx->zone(), ctx->client != nullptr
                ? ctx->client->limit_id() : 0);
            make_front<front::NativeList>(ctx, route, query,
                std::move(projects), *ctx->holdings, &ctx->memory);
            return;
        }
    }

    auto step = gemini::UploadStep::other;

    if (route.operation == Operation::upload) {
        step = gemini::upload_step(route.method,
            header_value(r, "x-goog-upload-command"),
            header_value(r, "x-goog-upload-protocol"), query);
        ctx->here = here(r);
    }

    make_front<front::NativeResource>(ctx, route, query, step, &ctx->memory);
}

Result<void> route_native(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    auto route = gemini::native_route(view(r->method_name), view(r->uri),
        view(ctx->conf->prefix));

    if (!route) {
        return route.error();
    }

    ctx->operation = route->operation;
    route->model = lasting(ctx, route->model);
    route->name = lasting(ctx, route->name);
    route->collection = lasting(ctx, route->collection);
    route->verb = lasting(ctx, route->verb);

    std::string_view query = lasting(ctx, view(r->args));

    if (front::NativeResource::serves(route->operation)) {
        make_resource_front(ctx, route.value(), query);

    } else {
        make_front<front::Native>(ctx, route.value(), query,
            ctx->conf->max_response, &ctx->memory);
    }

    return {};
}

/// The Gemini API's list says more of its models: Vertex' is for those who have
/// no other.
gemini::Api whose_models(RequestContext *ctx)
{
    gemini::Apis own = gemini::only(gemini::Api::gemini);

    return has_one_of(ctx, own) || !has_one_of(ctx, gemini::every_api)
        ? gemini::Api::gemini : gemini::Api::vertex;
}

Result<void> route_openai(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    auto route = openai::route(view(r->method_name), view(r->uri),
        view(ctx->conf->prefix));

    if (!route) {
        return route.error();
    }

    ctx->operation = route->operation;

    if (route->operation == Operation::models
        || route->operation == Operation::model)
    {
        ctx->models = make_front<front::Models>(ctx,
            lasting(ctx, route->model), whose_models(ctx),
            ctx->conf->listed_aliases, ctx->conf->listed_alias_count);
    }

    return {};
}

ngx_int_t begin(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;

    if (r->method == NGX_HTTP_OPTIONS) {
        return send_preflight(r, ctx);
    }

    auto routed = ctx->conf->native ? route_native(ctx) : route_openai(ctx);

    if (!routed) {
        return send_error(r, ctx, routed.error());
    }

    ctx->pool().header().requests.fetch_add(1, std::memory_order_relaxed);

    if (ctx->front != nullptr && !ctx->front->reads_body()) {
        // Of a known length it goes on as it comes.
        r->request_body_no_buffering = r->headers_in.content_length_n > 0;

    } else {
        r->request_body_in_single_buf = 1;
    }

    ngx_int_t rc = ngx_http_read_client_request_body(r, body_ready);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

}

ngx_int_t handle_request(ngx_http_request_t *r)
{
    return guarded(r->connection->log,
        ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [&]() -> ngx_int_t {
            RequestContext *ctx = need_context(r);

            if (ctx == nullptr) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            ctx->conf = location_conf(r);

            // A request that comes here by a redirect of its own error, or
            // twice, has had its chance.
            if (ctx->front != nullptr) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            return begin(ctx);
        });
}

}
