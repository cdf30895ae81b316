// A pool's state as JSON. Field names: the admin API's api/status in
// interface.md.
#include "core/view/status.hpp"

#include "core/base/text.hpp"
#include "core/json/writer.hpp"

#include <charconv>
#include <string>

namespace gw::view {

namespace {

using keys::FailureClass;
using keys::Pool;
using keys::Rest;

/// 16 hex digits: JSON numbers lose the low bits of 64 in most readers.
std::string id_text(std::uint64_t id)
{
    std::string text(16, '0');
    char digits[16];
    auto end = std::to_chars(digits, digits + sizeof(digits), id, 16).ptr;
    auto size = static_cast<std::size_t>(end - digits);

    return text.replace(text.size() - size, size, digits, size);
}

std::string_view state_of(const Pool::View &view)
{
    if (view.rest.until_ms != 0 && view.rest.failure == FailureClass::invalid)
    {
        return "invalid";
    }

    return view.rest.until_ms != 0 || !view.models.empty()
        ? std::string_view("resting") : std::string_view("ok");
}

/// An empty model: the whole key, or a model whose name is not known.
void write_rest(json::Writer &json, std::string_view scope,
    std::string_view model, const Rest &rest, std::int64_t now_ms)
{
    json.begin_object();
    json.key("scope").string(scope);

    if (model.empty()) {
        json.key("model").null();
    } else {
        json.key("model").string(model);
    }

    json.key("reason").string(gemini::name_of(rest.failure));

    if (rest.until_ms == keys::no_end_ms) {
        json.key("seconds_left").null();
    } else {
        // Rounded up: who waits that long finds it awake.
        json.key("seconds_left").number((rest.until_ms - now_ms + 999) / 1000);
    }

    json.end_object();
}

void write_key(json::Writer &json, const Pool::View &view,
    std::int64_t now_ms)
{
    const keys::Credential &credential = *view.credential;

    json.begin_object();
    json.key("id").string(id_text(credential.id));
    // Somebody may have named a key by itself.
    json.key("name").string(scrub(credential.name, credential.secret));
    json.key("key").string(mask(credential.secret));

    if (credential.project.empty()) {
        json.key("project").null();
    } else {
        json.key("project").string(
            scrub(credential.project, credential.secret));
    }

    json.key("weight").number(credential.weight);
    json.key("state").string(state_of(view));
    json.key("cooldowns").begin_array();

    if (view.rest.until_ms != 0) {
        write_rest(json, "key", {}, view.rest, now_ms);
    }

    for (const Pool::ModelRest &one : view.models) {
        write_rest(json, "model", one.model, one.rest, now_ms);
    }

    json.end_array();
    json.key("requests").number(static_cast<std::int64_t>(view.requests));
    json.key("failures").number(static_cast<std::int64_t>(view.failures));
    json.key("in_flight").number(static_cast<std::int64_t>(view.in_flight));

    if (view.last_used_ms == 0) {
        json.key("last_used").null();
    } else {
        json.key("last_used").number(view.last_used_ms / 1000);
    }

    json.end_object();
}

}

void write_health(const keys::Pool &pool, std::int64_t now_ms, Output &out)
{
    std::size_t usable = pool.usable(now_ms);

    json::Writer json(out);
    json.begin_object();
    json.key("status").string(usable != 0 ? "ok" : "unavailable");
    json.key("keys").begin_object();
    json.key("total").number(
        static_cast<std::int64_t>(pool.credentials().size()));
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
    json.key("requests").number(
        static_cast<std::int64_t>(header.requests.load()));
    json.key("answered").number(
        static_cast<std::int64_t>(header.answered.load()));
    json.key("cells_lost").number(
        static_cast<std::int64_t>(header.cells_lost.load()));
    json.key("keys").begin_array();

    for (const Pool::View &view : pool.view(context.now_ms)) {
        write_key(json, view, context.now_ms);
    }

    json.end_array();
    json.end_object();
}

}
