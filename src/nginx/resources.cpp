#include "nginx/resources.hpp"

#include "core/base/text.hpp"
#include "core/gemini/native_route.hpp"
#include "core/gemini/resource_names.hpp"
#include "core/gemini/upload.hpp"
#include "core/keys/mix.hpp"
#include "core/keys/shortage.hpp"
#include "nginx/log.hpp"
#include "nginx/upstream.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace gw::ngx {

namespace {

/// More projects than that are not asked to keep something; then any is.
constexpr std::size_t most_homes = 4;

/// What was deleted is remembered as such until nobody can bring it up any
/// more.
constexpr std::int64_t gone_for_ms = 3600 * 1000;

std::uint64_t client_id(RequestContext *ctx)
{
    return ctx->client != nullptr ? ctx->client->limit_id() : 0;
}

bool can_keep(const keys::Credential &credential)
{
    return credential.usable() && credential.api == gemini::Api::gemini;
}

/// Each once, in the order of the credentials.
std::vector<std::uint64_t> projects_of(RequestContext *ctx)
{
    std::vector<std::uint64_t> projects;
    std::unordered_set<std::uint64_t> seen;

    for (const keys::Credential &credential : ctx->pool().credentials()) {
        if (can_keep(credential) && seen.insert(credential.project_id).second)
        {
            projects.push_back(credential.project_id);
        }
    }

    return projects;
}

bool has_project(RequestContext *ctx, std::uint64_t project)
{
    for (const keys::Credential &credential : ctx->pool().credentials()) {
        if (!credential.removed && credential.project_id == project) {
            return true;
        }
    }

    return false;
}

/// In Google's words for the same.
Error not_yours(std::string_view name)
{
    constexpr std::string_view files = "files/";
    constexpr std::string_view caches = "cachedContents/";
    Error error;

    error.kind = ErrorKind::forbidden;

    if (starts_with(name, caches)) {
        error.message = "CachedContent not found (or permission denied)";

    } else if (starts_with(name, files)) {
        error.message = "You do not have permission to access the File "
            + std::string(name.substr(files.size()))
            + " or it may not exist.";

    } else {
        error.message = "You do not have permission to access it, or it may "
                        "not exist.";
    }

    return error;
}

Error out_of_reach(std::string_view name)
{
    Error error;
    error.kind = ErrorKind::not_found;
    error.message = std::string(name) + " belongs to a project for which this "
        "gateway has no credential any more.";

    return error;
}

Error of_two_projects(std::string_view one, std::string_view other)
{
    Error error;
    error.kind = ErrorKind::bad_request;
    error.message = std::string(one) + " and " + std::string(other)
        + " belong to different projects and cannot be used together.";

    return error;
}

/// Nobody else is told what an upload is called: whoever knows that may go on
/// with it.
std::string_view shown_name(std::string_view name)
{
    return starts_with(name, "upload/") ? std::string_view("This upload")
                                        : name;
}

void keep(RequestContext *ctx, std::string_view name, std::uint64_t project,
    front::Learned::How how, std::int64_t expires_ms)
{
    keys::Pool &pool = ctx->pool();
    keys::Resource resource;
    std::int64_t now = now_ms();

    resource.id = keys::resource_id(name);
    resource.when_ms = now;

    if (how == front::Learned::How::gone) {
        resource.expires_ms = now + gone_for_ms;
        (void) pool.keep_resource(resource, false, now);
        return;
    }

    resource.project = project;
    resource.client = client_id(ctx);
    resource.expires_ms = expires_ms != 0
        ? expires_ms : now + gemini::usual_life_ms(name);

    bool guess = false;

    if (how == front::Learned::How::seen) {
        auto known = pool.resources().find(resource.id, now);

        if (known && known->project != project) {
            return;
        }

        guess = !known || known->is_guess(now);

        if (known) {
            resource.client = known->client;
        }

        if (guess) {
            resource.when_ms = keys::Resource::guessed_at(now);
        }
    }

    // A guess is nothing to tell others.
    (void) pool.keep_resource(resource, guess, now);
}

bool is_host_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
           || c == ':' || c == '[' || c == ']';
}

/// As the client has named this host; nginx has let it through, but for a URL
/// less will do.
std::string_view host_of(ngx_http_request_t *r)
{
    if (r->headers_in.host != nullptr) {
        std::string_view host = view(r->headers_in.host->value);

        if (!host.empty()
            && std::all_of(host.begin(), host.end(), is_host_character))
        {
            return host;
        }
    }

    return view(r->headers_in.server);
}

}

Result<void> settle_resources(RequestContext *ctx)
{
    const keys::ResourceTable &table = ctx->pool().resources();
    std::uint64_t client = client_id(ctx);

    for (std::string_view name : ctx->front->resources()) {
        auto known = table.find(keys::resource_id(name), now_ms());

        if (!known) {
            ctx->seeks = true;
            continue;
        }

        if (!known->belongs_to(client)) {
            return not_yours(name);
        }

        if (ctx->project != 0 && ctx->project != known->project) {
            return of_two_projects(shown_name(ctx->needed),
                shown_name(name));
        }

        if (ctx->project == 0) {
            ctx->project = known->project;
            ctx->needed = name;
        }
    }

    if (!ctx->needed.empty()) {
        ctx->pool().refresh(now_ms());

        if (!has_project(ctx, ctx->project)) {
            return out_of_reach(shown_name(ctx->needed));
        }
    }

    return {};
}

void learn_resources(RequestContext *ctx)
{
    std::uint64_t project = credential_of(ctx).project_id;

    for (const front::Learned &learned : ctx->front->learned()) {
        keep(ctx, learned.name, project, learned.how, learned.expires_ms);
    }

    if (!ctx->seeks) {
        return;
    }

    // This project has served it: the rest is its.
    for (std::string_view name : ctx->front->resources()) {
        if (!ctx->pool().resources().known(keys::resource_id(name), now_ms()))
        {
            keep(ctx, name, project, front::Learned::How::seen, 0);
        }
    }
}

bool names_stranger(RequestContext *ctx, const gemini::UpstreamError &error)
{
    return gemini::is_about_resource(error)
           && !ctx->front->resources().empty();
}

bool seek_elsewhere(RequestContext *ctx)
{
    Tries &tries = ctx->tries;

    // With something that is known it can be of no other project.
    if (!ctx->seeks || ctx->project != 0 || !may_try_again(ctx)) {
        return false;
    }

    std::uint64_t project = credential_of(ctx).project_id;
    const auto &credentials = ctx->pool().credentials();

    for (std::size_t i = 0;
         i < credentials.size() && tries.tried_count + 1 < max_tries; ++i)
    {
        if (i != tries.credential && credentials[i].project_id == project) {
            tries.tried[tries.tried_count++] = i;
        }
    }

    return move_on(ctx, false);
}

std::vector<std::uint64_t> listed_projects(RequestContext *ctx)
{
    ctx->pool().refresh(now_ms());

    std::vector<std::uint64_t> projects = projects_of(ctx);
    std::uint64_t client = client_id(ctx);

    if (client == 0) {
        return projects;
    }

    // The others have nothing of this client's.
    std::unordered_set<std::uint64_t> own;

    for (const keys::Resource &resource
         : ctx->pool().resources().all(now_ms()))
    {
        if (resource.client == client) {
            own.insert(resource.project);
        }
    }

    projects.erase(std::remove_if(projects.begin(), projects.end(),
        [&own](std::uint64_t project) { return own.count(project) == 0; }),
        projects.end());

    return projects;
}

const std::vector<std::uint64_t> &home_projects(RequestContext *ctx)
{
    std::vector<std::uint64_t> &homes = ctx->homes;

    if (homes.empty()) {
        ctx->pool().refresh(now_ms());
        homes = projects_of(ctx);

        std::uint64_t client = keys::mix(client_id(ctx));
        std::size_t count = std::min(homes.size(), most_homes);

        // Whatever comes to the pool or leaves it, most keep theirs.
        std::partial_sort(homes.begin(),
            homes.begin() + static_cast<std::ptrdiff_t>(count), homes.end(),
            [client](std::uint64_t a, std::uint64_t b) {
                return keys::mix(a ^ client) < keys::mix(b ^ client);
            });
        homes.resize(count);
    }

    return homes;
}

bool is_out(const keys::Choice &choice)
{
    return choice.shortage == keys::Shortage::all_invalid
           || choice.shortage == keys::Shortage::no_match;
}

Error shortage_of(RequestContext *ctx, const keys::Choice &choice)
{
    Error error = keys::shortage_error(choice, ctx->model, now_ms());

    if (!ctx->needed.empty()) {
        error.message += " Only the project of "
            + scrub(shown_name(ctx->needed), {}, 200) + " can serve this.";
    }

    return error;
}

const keys::Client *client_of_upload(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;

    if (!ctx->conf->native || ctx->conf->pool == nullptr) {
        return nullptr;
    }

    auto route = gemini::native_route(view(r->method_name), view(r->uri),
        view(ctx->conf->prefix));

    if (!route || route->operation != Operation::upload) {
        return nullptr;
    }

    std::string name = gemini::upload_name(gemini::upload_id_of(
        view(r->args)));

    if (name.empty()) {
        return nullptr;
    }

    auto known = ctx->pool().resources().find(keys::resource_id(name),
        now_ms());

    if (!known || known->client == 0) {
        return nullptr;
    }

    return ctx->conf->clients->set.find_by_limit_id(known->client);
}

std::string here(ngx_http_request_t *r)
{
    std::string url = "http";

#if (NGX_HTTP_SSL)
    if (r->connection->ssl != nullptr) {
        url += 's';
    }
#endif

    std::string_view path = view(r->unparsed_uri);

    url += "://";
    url += host_of(r);
    url += path.substr(0, path.find('?'));

    return url;
}

}
