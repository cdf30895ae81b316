#include "nginx/admin_keys.hpp"

#include "core/admin/body.hpp"
#include "core/base/text.hpp"
#include "core/keys/wipe.hpp"
#include "core/view/status.hpp"
#include "nginx/admin_answer.hpp"
#include "nginx/log.hpp"

#include <string>

namespace gw::ngx {

namespace {

using keys::Credential;
using keys::KeyChange;
using keys::Pool;

constexpr std::size_t max_shown = 200;

std::string shown_name(const Credential &credential)
{
    return scrub(credential.name, credential.secret, max_shown);
}

Error conflict(std::string message, std::string_view code = {})
{
    Error error;
    error.kind = ErrorKind::conflict;
    error.message = std::move(message);
    error.code = code;

    return error;
}

ngx_int_t answer_key(RequestContext *ctx, ngx_uint_t status,
    std::size_t credential)
{
    ChainOutput out(ctx->r->pool, 1024);

    if (!view::write_key(governed_pool(ctx), credential, now_ms(), out)) {
        // Somebody has removed it since.
        Error error;
        error.kind = ErrorKind::unknown_url;
        error.message = "The key is gone.";
        error.code = "key_not_found";
        return refuse(ctx, error);
    }

    return answer(ctx, status, out);
}

void log_change(RequestContext *ctx, std::string_view does,
    std::string_view key)
{
    std::string who = ctx->client != nullptr
        ? "client \"" + scrub(ctx->client->name, {}, max_shown) + "\""
        : std::string("somebody");

    ngx_log_error(NGX_LOG_NOTICE, ctx->r->connection->log, 0,
        "gemini: %*s %*s %*s of \"%V\"", GW_LOG(who), GW_LOG(does),
        GW_LOG(key), &governed_conf(ctx).name);
}

void log_key(RequestContext *ctx, std::string_view does,
    const std::string &name)
{
    log_change(ctx, does, "key \"" + name + "\"");
}

/// A word of somebody's in which there is a key would be shown and logged.
Result<void> check_word(const Pool &pool, std::string_view member,
    std::string_view word)
{
    for (const Credential &credential : pool.credentials()) {
        if (!credential.secret.empty()
            && word.find(credential.secret) != std::string_view::npos)
        {
            Error error;
            error.kind = ErrorKind::bad_request;
            error.message = "Invalid \"" + std::string(member)
                            + "\": it looks like a key.";
            error.param = member;
            error.code = "invalid_value";
            return error;
        }
    }

    return {};
}

/// Names are how people tell keys apart.
Result<void> check_name(const Pool &pool, std::string_view name,
    std::uint64_t id)
{
    auto checked = check_word(pool, "name", name);

    if (!checked) {
        return checked;
    }

    for (const Credential &credential : pool.credentials()) {
        if (!credential.removed && credential.id != id
            && credential.name == name)
        {
            Error error = conflict("Another key is called \""
                + scrub(name, credential.secret, max_shown) + "\".",
                "name_taken");
            error.param = "name";
            return error;
        }
    }

    return {};
}

/// The change as it is to stand; the zone's lock is held.
Result<void> write_change(RequestContext *ctx, KeyChange &change)
{
    change.when_ms = now_ms();

    Pool::Changed changed = governed_pool(ctx).change_key(change, false,
        now_ms());
    keys::wipe(change.secret);

    if (changed == Pool::Changed::no_room) {
        return conflict("The pool has no room for more keys: it needs a "
            "larger \"zone\".", "no_room");
    }

    return {};
}

struct Added {
    std::size_t credential = keys::Choice::nobody;
    bool known = false;             // it was in the pool already
};

Result<Added> add(RequestContext *ctx, const admin::NewKey &key)
{
    Pool &pool = governed_pool(ctx);
    std::uint64_t id = keys::credential_id(key.secret);
    ZoneLock lock(governed_conf(ctx).zone->shm);

    Pool::Found found = pool.find(view::id_text(id), now_ms());

    if (found.credential != keys::Choice::nobody) {
        return Added{found.credential, true};
    }

    auto checked = check_word(pool, "project", key.project);

    if (checked) {
        checked = check_name(pool, key.name, id);
    }

    if (!checked) {
        return checked.error();
    }

    KeyChange change;
    change.id = id;
    change.added = true;
    change.weight = key.weight;
    change.project = key.project;
    change.secret = key.secret;

    if (!key.name.empty()) {
        change.name = key.name;
    }

    auto written = write_change(ctx, change);

    if (!written) {
        return written.error();
    }

    return Added{pool.find(view::id_text(id), now_ms()).credential, false};
}

/// What differs from the configuration so far.
KeyChange known_change(const Pool &pool, const Credential &credential)
{
    keys::Event event;
    event.kind = keys::EventKind::key_changed;
    event.owner = credential.id;

    KeyChange change = pool.key_of(event).value_or(KeyChange());

    // The pool knows it.
    keys::wipe(change.secret);
    change.id = credential.id;

    if (change.added && !credential.added) {
        // Added first and configured later: the configuration names it.
        change.name.reset();
        change.weight.reset();
        change.project.clear();
    }

    change.added = credential.added;
    change.removed = false;

    return change;
}

Result<void> change(RequestContext *ctx, const Credential &credential,
    const admin::KeyEdit &edit)
{
    Pool &pool = governed_pool(ctx);

    if (edit.name && *edit.name) {
        std::string problem = admin::name_problem(**edit.name,
            credential.secret);

        if (!problem.empty()) {
            Error error;
            error.kind = ErrorKind::bad_request;
            error.message = "Invalid \"name\": " + problem + ".";
            error.param = "name";
            error.code = "invalid_value";
            return error;
        }

        auto checked = check_name(pool, **edit.name, credential.id);

        if (!checked) {
            return checked;
        }
    }

    KeyChange change = known_change(pool, credential);

    if (edit.enabled) {
        change.enabled = *edit.enabled;
    }

    if (edit.name) {
        change.name = *edit.name;
    }

    if (edit.weight) {
        change.weight = *edit.weight;
    }

    return write_change(ctx, change);
}

}

Result<std::size_t> find_key(RequestContext *ctx, std::string_view id)
{
    Pool::Found found = governed_pool(ctx).find(id, now_ms());

    if (found.ambiguous) {
        return conflict("More than one key is called so: use its id.",
            "ambiguous_key");
    }

    if (found.credential == keys::Choice::nobody) {
        Error error;
        error.kind = ErrorKind::unknown_url;
        // What was asked for may be a key; this is logged.
        error.message = "There is no such key.";
        error.code = "key_not_found";
        return error;
    }

    return found.credential;
}

/// Whether keys can be kept where the pool is kept.
Result<void> check_storage(RequestContext *ctx)
{
    PoolConf &conf = governed_conf(ctx);

    if ((conf.redis != nullptr || conf.state.len != 0)
        && *conf.seal == nullptr)
    {
        return conflict(std::string("Keys cannot be added: the pool is kept ")
            + (conf.redis != nullptr ? "in Redis" : "in a state file")
            + " and there is no \"gemini_secret\" to encrypt them with.",
            "no_secret");
    }

    return {};
}

ngx_int_t add_key(RequestContext *ctx, std::string_view body)
{
    auto key = admin::read_new_key(body);

    if (!key) {
        return refuse(ctx, key.error());
    }

    auto added = add(ctx, key.value());

    if (!added) {
        return refuse(ctx, added.error());
    }

    if (added->known) {
        Error error = conflict("The key is in the pool already, as \""
            + shown_name(governed_pool(ctx).credentials()[added->credential])
            + "\".", "key_exists");
        error.param = "key";
        return refuse(ctx, error);
    }

    if (added->credential == keys::Choice::nobody) {
        Error error;
        error.message = "The key could not be added.";
        return refuse(ctx, error);
    }

    log_key(ctx, "adds",
        shown_name(governed_pool(ctx).credentials()[added->credential]));

    return answer_key(ctx, NGX_HTTP_CREATED, added->credential);
}

ngx_int_t import_keys(RequestContext *ctx, std::string_view body)
{
    auto lines = admin::read_import(body);

    if (!lines) {
        return refuse(ctx, lines.error());
    }

    std::int64_t added = 0;
    std::int64_t known = 0;

    for (admin::ImportLine &line : lines.value()) {
        if (!line.problem.empty()) {
            continue;
        }

        auto one = add(ctx, line.key);

        if (!one) {
            line.problem = one.error().message;
        } else if (one->known) {
            ++known;
        } else {
            ++added;
        }
    }

    log_change(ctx, "adds", std::to_string(added) + " keys");

    ChainOutput out(ctx->r->pool, 4096);
    json::Writer json(out);

    json.begin_object();
    json.key("added").number(added);
    json.key("known").number(known);
    json.key("refused").begin_array();

    for (const admin::ImportLine &line : lines.value()) {
        if (line.problem.empty()) {
            continue;
        }

        json.begin_object();
        json.key("line").number(static_cast<std::int64_t>(line.number));
        json.key("problem").string(line.problem);
        json.end_object();
    }

    json.end_array();
    json.end_object();

    return answer(ctx, NGX_HTTP_OK, out);
}

ngx_int_t change_key(RequestContext *ctx, std::string_view id,
    std::string_view body)
{
    auto edit = admin::read_key_edit(body);

    if (!edit) {
        return refuse(ctx, edit.error());
    }

    Result<std::size_t> found = keys::Choice::nobody;
    std::string name;

    {
        ZoneLock lock(governed_conf(ctx).zone->shm);
        found = find_key(ctx, id);

        if (found) {
            const Credential &credential =
                governed_pool(ctx).credentials()[found.value()];
            name = shown_name(credential);

            auto changed = change(ctx, credential, edit.value());

            if (!changed) {
                found = changed.error();
            }
        }
    }

    if (!found) {
        return refuse(ctx, found.error());
    }

    if (edit->enabled) {
        log_key(ctx, *edit->enabled ? "enables" : "disables", name);
    }

    if (edit->name || edit->weight) {
        log_key(ctx, "changes", name);
    }

    return answer_key(ctx, NGX_HTTP_OK, found.value());
}

ngx_int_t remove_key(RequestContext *ctx, std::string_view id)
{
    Result<std::size_t> found = keys::Choice::nobody;
    std::string name;

    {
        ZoneLock lock(governed_conf(ctx).zone->shm);
        found = find_key(ctx, id);

        if (found) {
            const Credential &credential =
                governed_pool(ctx).credentials()[found.value()];
            name = shown_name(credential);

            if (credential.added) {
                KeyChange change = known_change(governed_pool(ctx), credential);
                change.removed = true;

                auto written = write_change(ctx, change);

                if (!written) {
                    found = written.error();
                }

            } else {
                found = conflict("The key \"" + name + "\" stands in the "
                    "configuration; disable it instead.", "key_configured");
            }
        }
    }

    if (!found) {
        return refuse(ctx, found.error());
    }

    log_key(ctx, "removes", name);
    return answer_nothing(ctx);
}

ngx_int_t reset_key(RequestContext *ctx, std::string_view id)
{
    auto found = find_key(ctx, id);

    if (!found) {
        return refuse(ctx, found.error());
    }

    governed_pool(ctx).reset(found.value(), now_ms());
    log_key(ctx, "resets",
        shown_name(governed_pool(ctx).credentials()[found.value()]));

    return answer_key(ctx, NGX_HTTP_OK, found.value());
}

}
