#include "nginx/choice.hpp"

#include "nginx/log.hpp"
#include "nginx/resources.hpp"
#include "nginx/upstream.hpp"

#include <algorithm>

namespace gw::ngx {

namespace {

/// $request_id is 32 hex digits.
std::uint64_t half_of(std::string_view request_id, std::size_t from)
{
    constexpr std::size_t digits = 16;
    std::uint64_t number = 0;

    if (request_id.size() < from + digits) {
        return 0;
    }

    // Eight digits at once, two of them to a byte.
    for (std::size_t i = from; i < from + digits; i += sizeof(number)) {
        std::uint64_t eight = 0;

        for (std::size_t k = 0; k < sizeof(eight); ++k) {
            eight = eight << 8 | static_cast<unsigned char>(request_id[i + k]);
        }

        // '0' to '9' and 'a' to 'f' differ in one bit, by nine.
        constexpr std::uint64_t ones = UINT64_C(0x0101010101010101);
        std::uint64_t letters = eight >> 6 & ones;

        eight = (eight & ones * 0x0f) + letters * 9;
        eight = (eight | eight >> 4) & UINT64_C(0x00ff00ff00ff00ff);
        eight = (eight | eight >> 8) & UINT64_C(0x0000ffff0000ffff);
        eight = (eight | eight >> 16) & UINT64_C(0x00000000ffffffff);
        number = number << 32 | eight;
    }

    return number;
}

keys::Wanted wanted_by(RequestContext *ctx)
{
    keys::Wanted wanted;

    wanted.model = ctx->model;
    wanted.apis = ctx->front->apis();
    wanted.project = ctx->project;
    wanted.tried = ctx->tries.tried;
    wanted.tried_count = ctx->tries.tried_count;
    wanted.sticky = ctx->client != nullptr ? ctx->client->limit_id() : 0;
    wanted.random = (static_cast<std::uint64_t>(ngx_random()) << 31)
                    ^ static_cast<std::uint64_t>(ngx_random());
    wanted.tokens = ctx->front->estimated_tokens();
    wanted.request[0] = half_of(ctx->request_id, 0);
    wanted.request[1] = half_of(ctx->request_id, 16);
    wanted.now_ms = now_ms();

    return wanted;
}

/// Why each key was or was not taken, for who reads the debug log.
void log_trail(RequestContext *ctx, const keys::Choice &choice)
{
#if (NGX_DEBUG)
    ngx_log_t *log = ctx->r->connection->log;

    if (!(log->log_level & NGX_LOG_DEBUG_HTTP)) {
        return;
    }

    for (std::size_t i = 0; i < choice.trail.count; ++i) {
        const keys::Step &step = choice.trail.steps[i];
        std::string_view key
            = ctx->pool().credentials()[step.credential].name;
        std::string_view why = keys::name_of(step.why);
        std::string_view failure = gemini::name_of(step.failure);

        ngx_log_debug4(NGX_LOG_DEBUG_HTTP, log, 0,
            "gemini: choice for \"%*s\": key \"%*s\" %*s (%*s)",
            GW_LOG(ctx->model), GW_LOG(key), GW_LOG(why), GW_LOG(failure));
    }
#else
    (void) ctx;
    (void) choice;
#endif
}

keys::Choice choose(RequestContext *ctx, const keys::Wanted &wanted)
{
    keys::Choice choice = ctx->pool().choose(wanted);
    log_trail(ctx, choice);

    return choice;
}

/// The body in the words of the current model and API. false: it cannot be said
/// in them.
bool write_body_anew(RequestContext *ctx)
{
    if (ctx->body_model == ctx->model && ctx->body_api == ctx->api) {
        return true;
    }

    if (!write_body(ctx, static_cast<std::size_t>(ctx->body_size))) {
        return false;
    }

    ctx->front->serve_as(ctx->model == ctx->first_model
        ? std::string_view() : ctx->model);

    return true;
}

/// The next model of gemini_fallback that this client may have. false: there
/// is none left.
bool turn_to_fallback(RequestContext *ctx)
{
    ngx_array_t *fallbacks = ctx->conf->fallbacks;

    // A native client's model is in its words, which are not ours to change.
    if (ctx->front->keeps_model() || ctx->conf->native) {
        return false;
    }

    while (ctx->body != nullptr && fallbacks != nullptr
           && ctx->fallback < fallbacks->nelts)
    {
        std::string_view model = view(static_cast<ngx_str_t *>(
            fallbacks->elts)[ctx->fallback++]);

        if (model == ctx->first_model
            || (ctx->client != nullptr && !ctx->client->may_use(model)))
        {
            continue;
        }

        ctx->model = model;
        // What failed for one model may do for another.
        ctx->tries.tried_count = 0;

        return true;
    }

    return false;
}

/// Of two shortages the one that ends sooner.
void keep_sooner(keys::Choice &best, const keys::Choice &other)
{
    if (other.back_at_ms != 0
        && (best.back_at_ms == 0 || other.back_at_ms < best.back_at_ms))
    {
        best = other;
    }
}

void take_choice(RequestContext *ctx, const keys::Choice &choice)
{
    Tries &tries = ctx->tries;

    if (tries.open) {
        tries.open = false;
        ctx->pool().end_try(tries.credential);
    }

    tries.credential = choice.credential;
    tries.reservation = choice.reservation;
    tries.reserved = choice.reservation.use_id != 0;
}

}

gemini::Api likely_api(RequestContext *ctx)
{
    gemini::Apis apis = ctx->front->apis();

    for (const keys::Credential &credential : ctx->pool().credentials()) {
        if (credential.usable() && gemini::contains(apis, credential.api)) {
            return credential.api;
        }
    }

    return gemini::Api::gemini;
}

bool accept_choice(RequestContext *ctx, const keys::Choice &choice)
{
    ctx->api = ctx->pool().credentials()[choice.credential].api;

    if (ctx->body != nullptr && !write_body_anew(ctx)) {
        ctx->pool().give_back(choice.reservation);
        return false;
    }

    take_choice(ctx, choice);
    return true;
}

keys::Choice choose_credential(RequestContext *ctx)
{
    keys::Wanted wanted = wanted_by(ctx);

    if (wanted.project == 0 && ctx->front->creates()) {
        for (std::uint64_t project : home_projects(ctx)) {
            wanted.project = project;

            keys::Choice choice = choose(ctx, wanted);

            if (choice.ok()) {
                return choice;
            }
        }

        wanted.project = 0;
    }

    return choose(ctx, wanted);
}

keys::Choice foresee_credential(RequestContext *ctx)
{
    keys::Wanted wanted = wanted_by(ctx);
    wanted.tried_count = 0;
    wanted.peek = true;

    return ctx->pool().choose(wanted);
}

bool find_credential(RequestContext *ctx, keys::Choice &choice)
{
    choice = choose_credential(ctx);

    if (choice.ok() && accept_choice(ctx, choice)) {
        return true;
    }

    // In a moment the model asked for can be served.
    if (may_wait_for_token(ctx, choice)) {
        return false;
    }

    std::string_view former = ctx->model;
    std::size_t former_tried = ctx->tries.tried_count;

    while (turn_to_fallback(ctx)) {
        keys::Choice other = choose_credential(ctx);

        if (other.ok() && accept_choice(ctx, other)) {
            ngx_log_error(NGX_LOG_NOTICE, ctx->r->connection->log, 0,
                "gemini: no key is usable for \"%*s\", \"%*s\" serves the "
                "request", GW_LOG(former), GW_LOG(ctx->model));
            choice = other;
            return true;
        }

        keep_sooner(choice, other);
    }

    // The last try's model stays that of the log's line.
    ctx->model = former;
    ctx->tries.tried_count = former_tried;

    if (ctx->conf->pool->exhausted != Exhausted::soonest) {
        return false;
    }

    keys::Wanted wanted = wanted_by(ctx);
    wanted.soonest = true;
    keys::Choice soonest = choose(ctx, wanted);

    if (!soonest.ok() || !accept_choice(ctx, soonest)) {
        return false;
    }

    choice = soonest;
    return true;
}

Result<void> write_body(RequestContext *ctx, std::size_t size_hint)
{
    ChainOutput out(ctx->r->pool, size_hint);
    auto written = ctx->front->write_body(ctx->model, ctx->api, out);

    if (written) {
        ctx->body = out.finish();
        ctx->body_size = out.size();
        ctx->body_model = ctx->model;
        ctx->body_api = ctx->api;
    }

    return written;
}

void start_afresh(RequestContext *ctx)
{
    ctx->fallback = 0;
    ctx->model = ctx->first_model;
    ctx->tries.tried_count = 0;
}

}
