// A pool's state as JSON. Field names: the admin API's api/status in
// interface.md.
#include "core/view/status.hpp"

#include "core/base/text.hpp"
#include "core/json/writer.hpp"
#include "core/view/metrics.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_map>

namespace gw::view {

namespace {

using keys::FailureClass;
using keys::Pool;
using keys::Rest;

std::string_view state_of(const Pool::View &view, std::int64_t now_ms)
{
    if (!view.credential->enabled) {
        return "disabled";
    }

    if (view.rest.until_ms != 0 && view.rest.failure == FailureClass::invalid)
    {
        return "invalid";
    }

    if (view.rest.until_ms != 0) {
        return "resting";
    }

    if (view.token && !view.token->usable(now_ms)) {
        return "no_token";
    }

    return view.models.empty() ? std::string_view("ok")
                               : std::string_view("resting");
}

void write_text_or_null(json::Writer &json, std::string_view text)
{
    if (text.empty()) {
        json.null();
    } else {
        json.string(text);
    }
}

void write_time(json::Writer &json, std::int64_t ms)
{
    if (ms == 0) {
        json.null();
    } else {
        json.number(ms / 1000);
    }
}

/// Rounded up: who waits that long finds it over.
void write_seconds_left(json::Writer &json, std::int64_t until_ms,
    std::int64_t now_ms)
{
    if (until_ms == 0 || until_ms == keys::no_end_ms) {
        json.null();
    } else {
        json.number(std::max<std::int64_t>(until_ms - now_ms + 999, 0)
                    / 1000);
    }
}

void write_count(json::Writer &json, std::string_view name,
    std::uint64_t count)
{
    json.key(name).number(static_cast<std::int64_t>(count));
}

/// An empty model: the whole key, or a model whose name is not known.
void write_rest(json::Writer &json, std::string_view scope,
    std::string_view model, const Rest &rest, std::int64_t now_ms)
{
    json.begin_object();
    json.key("scope").string(scope);

    json.key("model");
    write_text_or_null(json, scrub(model));
    json.key("reason").string(gemini::name_of(rest.failure));
    json.key("seconds_left");
    write_seconds_left(json, rest.until_ms, now_ms);
    json.end_object();
}

/// learned: upstream's own word is what holds.
void write_quantity(json::Writer &json, std::string_view name,
    std::int64_t used, std::int64_t limit, std::int64_t learned)
{
    json.key(name).begin_object();
    json.key("used").number(used);

    if (limit == 0) {
        json.key("limit").null();
    } else {
        json.key("limit").number(limit);
    }

    json.key("learned").boolean(limit != 0 && limit == learned);
    json.end_object();
}

void write_use(json::Writer &json, const Pool::ModelUse &use)
{
    json.begin_object();
    json.key("model");
    write_text_or_null(json, scrub(use.model));
    write_quantity(json, "rpm", use.rpm, use.limits.rpm, use.learned.rpm);
    write_quantity(json, "rpd", use.rpd, use.limits.rpd, use.learned.rpd);
    write_quantity(json, "tpm", use.tpm, use.limits.tpm, use.learned.tpm);
    write_quantity(json, "tpd", use.tpd, use.limits.tpd, use.learned.tpd);
    json.end_object();
}

/// What an account is, and how it stands with its access token.
void write_account(json::Writer &json, const keys::Credential &credential,
    const keys::TokenState &token, std::int64_t now_ms)
{
    bool vertex = credential.api == gemini::Api::vertex;
    bool usable = token.usable(now_ms);
    std::string_view hint = account::hint_of(token.cause);

    json.key("account").begin_object();
    json.key("email").string(credential.client_email);
    json.key("api").string(vertex ? "vertex" : "gemini");
    json.key("project");
    write_text_or_null(json, credential.cloud_project);
    json.key("location");
    write_text_or_null(json, credential.location);
    json.key("token_seconds_left");
    write_seconds_left(json, usable ? token.expires_ms : 0, now_ms);
    json.key("next_exchange_seconds");
    write_seconds_left(json, token.next_try_ms, now_ms);
    json.key("problem");
    write_text_or_null(json, scrub(token.problem));
    json.key("hint");
    write_text_or_null(json, hint);
    json.end_object();
}

void write_view(json::Writer &json, const Pool::View &view,
    std::int64_t now_ms)
{
    const keys::Credential &credential = *view.credential;

    json.begin_object();
    json.key("id").string(id_text(credential.id));
    // Somebody may have named a key by itself.
    json.key("name").string(scrub(credential.name, credential.secret));
    json.key("kind").string(credential.account ? "service_account" : "key");
    json.key("key");

    if (credential.account) {
        json.null();
    } else {
        json.string(mask(credential.secret));
    }

    json.key("project");
    write_text_or_null(json, scrub(credential.project, credential.secret));
    json.key("weight").number(credential.weight);
    json.key("added").boolean(credential.added);
    json.key("enabled").boolean(credential.enabled);
    json.key("state").string(state_of(view, now_ms));
    json.key("cooldowns").begin_array();

    if (view.rest.until_ms != 0) {
        write_rest(json, "key", {}, view.rest, now_ms);
    }

    for (const Pool::ModelRest &one : view.models) {
        write_rest(json, "model", one.model, one.rest, now_ms);
    }

    json.end_array();
    json.key("usage").begin_array();

    for (const Pool::ModelUse &use : view.uses) {
        write_use(json, use);
    }

    json.end_array();

    if (view.token) {
        write_account(json, credential, *view.token, now_ms);
    }

    write_count(json, "requests", view.requests);
    write_count(json, "failures", view.failures);
    write_count(json, "in_flight", view.in_flight);
    json.key("last_used");
    write_time(json, view.last_used_ms);
    json.end_object();
}

std::string_view name_of(LinkView::State state)
{
    switch (state) {

    case LinkView::State::off:
        return "off";

    case LinkView::State::connecting:
        return "connecting";

    case LinkView::State::up:
        break;
    }

    return "up";
}

void write_link(json::Writer &json, const LinkView &link)
{
    json.key("redis").begin_object();
    json.key("state").string(name_of(link.state));
    json.key("url");
    write_text_or_null(json, link.url);
    json.key("since");
    write_time(json, link.since_ms);
    write_count(json, "losses", link.losses);
    json.key("hosts").number(link.hosts);
    json.end_object();
}

void write_zone(json::Writer &json, const Pool &pool, std::int64_t now_ms)
{
    json.key("zone").begin_object();

    for (const MetricsInput::Table &table : metrics_of(pool, now_ms).tables) {
        json.key(table.name).begin_object();
        write_count(json, "used", table.used);
        write_count(json, "capacity", table.capacity);
        json.end_object();
    }

    json.end_object();
}

void write_used(json::Writer &json, std::string_view name, std::int64_t used,
    std::int64_t limit)
{
    json.key(name).begin_object();
    json.key("used").number(used);

    if (limit == 0) {
        json.key("limit").null();
    } else {
        json.key("limit").number(limit);
    }

    json.end_object();
}

void write_client(json::Writer &json, const keys::Client &client,
    const keys::LimitRecord *record, std::int64_t now_ms)
{
    bool known = record != nullptr;

    json.begin_object();
    json.key("name").string(scrub(client.name));
    json.key("admin").boolean(client.admin);
    write_used(json, "rpm", known ? record->requests_minute.sum(now_ms) : 0,
        client.limits.rpm);
    write_used(json, "rpd", known ? record->requests_day.sum(now_ms) : 0,
        client.limits.rpd);
    write_used(json, "tpm", known ? record->tokens_minute.sum(now_ms) : 0,
        client.limits.tpm);
    write_used(json, "tpd", known ? record->tokens_day.sum(now_ms) : 0,
        client.limits.tpd);
    json.key("last_used");
    write_time(json, known
        ? static_cast<std::int64_t>(record->last_used_ms.load()) : 0);
    json.end_object();
}

void write_clients(json::Writer &json, const ClientsView &clients,
    std::int64_t now_ms)
{
    // LimitTable::find() would make records, and say that they are in use.
    std::unordered_map<std::uint64_t, const keys::LimitRecord *> records;

    for (std::size_t i = 0; i < clients.capacity; ++i) {
        records.emplace(clients.records[i].id.load(), &clients.records[i]);
    }

    json.key("clients").begin_array();

    for (const keys::Client &client : clients.set->clients()) {
        auto record = records.find(client.limit_id());

        write_client(json, client,
            record != records.end() ? record->second : nullptr, now_ms);
    }

    json.end_array();
}

/// seconds_left is of the moment of the choice.
void write_trail(json::Writer &json, const Pool &pool,
    const keys::KeptTrail &trail,
    const std::unordered_map<std::uint64_t, std::string> &names)
{
    json.begin_object();
    json.key("time").number(trail.at_ms / 1000);
    json.key("request_id").string(
        id_text(trail.request[0]) + id_text(trail.request[1]));
    json.key("model");
    write_text_or_null(json, scrub(pool.model_name(trail.model)));
    json.key("steps").begin_array();

    for (const keys::KeptTrail::Mark &mark : trail.marks) {
        auto name = names.find(mark.credential_id);

        json.begin_object();
        json.key("key").string(name != names.end()
            ? name->second : id_text(mark.credential_id));
        json.key("why").string(keys::name_of(mark.why));
        json.key("reason");

        if (mark.failure == FailureClass::none) {
            json.null();
        } else {
            json.string(gemini::name_of(mark.failure));
        }

        json.key("seconds_left");
        write_seconds_left(json, mark.back_at_ms, trail.at_ms);
        json.end_object();
    }

    json.end_array();
    json.end_object();
}

void write_trails(json::Writer &json, const Pool &pool, std::size_t most)
{
    std::unordered_map<std::uint64_t, std::string> names;

    for (const keys::Credential &credential : pool.credentials()) {
        names[credential.id] = scrub(credential.name, credential.secret);
    }

    json.key("trails").begin_array();

    for (const keys::KeptTrail &trail : pool.trails(most)) {
        write_trail(json, pool, trail, names);
    }

    json.end_array();
}

}

std::string id_text(std::uint64_t id)
{
    std::string text(16, '0');
    char digits[16];
    auto end = std::to_chars(digits, digits + sizeof(digits), id, 16).ptr;
    auto size = static_cast<std::size_t>(end - digits);

    return text.replace(text.size() - size, size, digits, size);
}

void write_health(const keys::Pool &pool, std::int64_t now_ms, Output &out)
{
    std::size_t usable = pool.usable(now_ms);

    json::Writer json(out);
    json.begin_object();
    json.key("status").string(usable != 0 ? "ok" : "unavailable");
    json.key("keys").begin_object();
    write_count(json, "total", static_cast<std::uint64_t>(std::count_if(
        pool.credentials().begin(), pool.credentials().end(),
        [](const keys::Credential &one) { return !one.removed; })));
    json.key("usable").number(static_cast<std::int64_t>(usable));
    json.end_object();
    json.end_object();
}

void write_status(const keys::Pool &pool, const StatusContext &context,
    Output &out)
{
    const keys::Header &header = pool.header();

    json::Writer json(out);
    json.begin_object();
    json.key("pool").string(context.pool);
    json.key("version").string(context.version);
    json.key("time").number(context.now_ms / 1000);
    write_count(json, "requests", header.requests.load());
    write_count(json, "answered", header.answered.load());
    write_count(json, "cells_lost", header.cells_lost.load());
    json.key("keys").begin_array();

    for (const Pool::View &view : pool.view(context.now_ms)) {
        write_view(json, view, context.now_ms);
    }

    json.end_array();
    write_link(json, context.redis);
    write_zone(json, pool, context.now_ms);

    if (context.clients != nullptr) {
        write_clients(json, *context.clients, context.now_ms);
    }

    if (context.trails != 0) {
        write_trails(json, pool, context.trails);
    }

    json.end_object();
}

bool write_key(const keys::Pool &pool, std::size_t credential,
    std::int64_t now_ms, Output &out)
{
    for (const Pool::View &view : pool.view(now_ms)) {
        if (view.index == credential) {
            json::Writer json(out);
            write_view(json, view, now_ms);
            return true;
        }
    }

    return false;
}

}
