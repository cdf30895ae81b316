#include "core/view/events.hpp"

#include "core/base/text.hpp"
#include "core/json/writer.hpp"
#include "core/view/status.hpp"

#include <algorithm>
#include <charconv>

namespace gw::view {

namespace {

using keys::Credential;
using keys::Event;
using keys::EventKind;

/// Whom an event is about.
struct Subject {
    const Credential *key = nullptr;
    const Credential *of_project = nullptr;     // any of the project's
};

Subject subject_of(const keys::Pool &pool, std::uint64_t owner)
{
    Subject subject;
    std::size_t of_project = 0;

    for (const Credential &credential : pool.credentials()) {
        if (credential.id == owner) {
            return {&credential, nullptr};
        }

        if (credential.project_id == owner && !credential.removed) {
            subject.of_project = &credential;
            ++of_project;
        }
    }

    if (of_project == 1) {
        subject.key = subject.of_project;
    }

    return subject;
}

void write_subject(json::Writer &json, const Subject &subject,
    std::uint64_t owner)
{
    const Credential *key = subject.key;

    json.key("key");

    if (key != nullptr) {
        json.string(scrub(key->name, key->secret));
    } else {
        json.null();
    }

    json.key("id");

    if (key != nullptr) {
        json.string(id_text(key->id));
    } else if (subject.of_project == nullptr) {
        json.string(id_text(owner));
    } else {
        json.null();
    }

    json.key("project");

    if (subject.of_project != nullptr) {
        json.string(scrub(subject.of_project->project,
            subject.of_project->secret));
    } else {
        json.null();
    }
}

/// What rests since, and how long.
void write_rest(json::Writer &json, const Event &event, std::int64_t now_ms)
{
    bool rested = event.kind == EventKind::rested;
    keys::Rest rest = rested ? keys::unpack(event.value) : keys::Rest{};

    json.key("reason");

    if (event.failure != gemini::FailureClass::none) {
        json.string(gemini::name_of(event.failure));
    } else if (rested && rest.failure != gemini::FailureClass::none) {
        json.string(gemini::name_of(rest.failure));
    } else {
        json.null();
    }

    bool ends = rest.until_ms != 0 && rest.until_ms != keys::no_end_ms;

    json.key("until");

    if (ends) {
        json.number((rest.until_ms + 999) / 1000);
    } else {
        json.null();
    }

    json.key("seconds_left");

    if (ends) {
        json.number(std::max<std::int64_t>(rest.until_ms - now_ms + 999, 0)
                    / 1000);
    } else {
        json.null();
    }
}

void write_limit(json::Writer &json, const Event &event)
{
    constexpr unsigned quantity_shift = 56;

    std::uint64_t quantity = event.value >> quantity_shift;
    bool learned = event.kind == EventKind::limit_learned
                   && quantity < keys::quantities;

    json.key("quantity");

    if (learned) {
        json.string(keys::name_of(static_cast<keys::Quantity>(quantity)));
    } else {
        json.null();
    }

    json.key("limit");

    if (learned) {
        json.number(static_cast<std::int64_t>(
            event.value & ((std::uint64_t{1} << quantity_shift) - 1)));
    } else {
        json.null();
    }
}

/// next: the number to go on with after this event; 0: none came yet.
void begin(Output &out, std::uint64_t next, std::string_view name)
{
    if (next != 0) {
        out.append("id: ");
        out.append_number(static_cast<std::int64_t>(next - 1));
        out.append('\n');
    }

    out.append("event: ");
    out.append(name);
    out.append("\ndata: ");
}

}

bool write_event(const keys::Pool &pool, const keys::Event &event,
    std::int64_t now_ms, Output &out)
{
    if (event.kind == EventKind::signature_kept
        || event.kind == EventKind::resource_kept
        || event.kind >= EventKind::kinds)
    {
        return false;
    }

    std::string model = pool.model_name(event.model);

    begin(out, event.number + 1, keys::name_of(event.kind));

    json::Writer json(out);
    json.begin_object();
    json.key("event").string(keys::name_of(event.kind));
    write_subject(json, subject_of(pool, event.owner), event.owner);
    json.key("model");

    if (model.empty()) {
        json.null();
    } else {
        json.string(scrub(model));
    }

    write_rest(json, event, now_ms);
    write_limit(json, event);
    json.key("remote").boolean(event.remote);
    json.key("time").number(event.at_ms / 1000);
    json.end_object();
    out.append("\n\n");

    return true;
}

void write_lost(std::uint64_t next, std::int64_t now_ms, Output &out)
{
    begin(out, next, "lost");

    json::Writer json(out);
    json.begin_object();
    json.key("event").string("lost");
    json.key("time").number(now_ms / 1000);
    json.end_object();
    out.append("\n\n");
}

std::optional<std::uint64_t> event_after(std::string_view last_event_id)
{
    std::uint64_t number = 0;
    const char *end = last_event_id.data() + last_event_id.size();
    auto parsed = std::from_chars(last_event_id.data(), end, number);

    if (last_event_id.empty() || parsed.ec != std::errc()
        || parsed.ptr != end || number >= std::uint64_t{1} << 63)
    {
        return std::nullopt;
    }

    return number + 1;
}

}
