// Google's error envelope, and everything else that stands in its place.
// Source: reference/errors.md sections 1 and 3.
#include "core/gemini/error.hpp"

#include "core/base/arena.hpp"
#include "core/base/duration.hpp"
#include "core/base/text.hpp"
#include "core/json/elements.hpp"
#include "core/json/reader.hpp"

#include <algorithm>
#include <charconv>
#include <memory_resource>
#include <utility>

namespace gw::gemini {

namespace {

/// What the body says, before it is known which of it counts.
struct Draft {
    UpstreamError error;
    QuotaViolation quota;           // ErrorInfo.metadata, as a violation
    std::string domain;             // ErrorInfo.domain, of a service
    std::optional<std::int64_t> code;
    std::optional<std::int64_t> reset_delay_ms;
};

/// The first that says something: a later detail of the same kind repeats it,
/// or is less to the point.
void keep(std::string &target, std::string_view text)
{
    if (target.empty()) {
        target = text.substr(0, max_error_text);
    }
}

std::optional<std::int64_t> whole_number(std::string_view text)
{
    std::int64_t number = 0;
    auto [end, failure] = std::from_chars(text.data(),
        text.data() + text.size(), number);

    if (failure != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }

    return number;
}

/// A string or a number, decoded and given to Take(object, text).
template <typename T, void (*Take)(T &, std::string_view)>
constexpr json::Field text(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.takes_string = true;
    field.takes_number = true;
    field.scalar = [](json::Reader &reader, void *object,
                       const json::Scalar &value) {
        Take(*static_cast<T *>(object),
            value.string.decode(reader.arena()));
    };
    return field;
}

/// An object or array whose content fills the same draft.
template <const json::Shape &S>
constexpr json::Field same_object(std::string_view name = {})
{
    json::Field field;
    field.name = name;
    field.open_object = [](json::Reader &, void *object) -> json::Frame {
        return {&S, object};
    };
    return field;
}

template <const json::Shape &S>
constexpr json::Field same_array(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.open_array = [](json::Reader &, void *object) -> json::Frame {
        return {&S, object};
    };
    return field;
}

void take_quota_id(QuotaViolation &violation, std::string_view text)
{
    keep(violation.quota_id, text);
}

void take_metric(QuotaViolation &violation, std::string_view text)
{
    keep(violation.metric, text);
}

void take_model(QuotaViolation &violation, std::string_view text)
{
    keep(violation.model, text);
}

void take_value(QuotaViolation &violation, std::string_view text)
{
    violation.value = whole_number(text);
}

constexpr json::Field dimension_fields[] = {
    text<QuotaViolation, take_model>("model")
};
constexpr json::Shape dimensions{dimension_fields};

constexpr json::Field violation_fields[] = {
    text<QuotaViolation, take_quota_id>("quotaId"),
    text<QuotaViolation, take_metric>("quotaMetric"),
    text<QuotaViolation, take_value>("quotaValue"),
    same_object<dimensions>("quotaDimensions")
};
constexpr json::Shape violation{violation_fields};

constexpr json::Field make_violation()
{
    json::Field field;
    field.open_object = [](json::Reader &, void *object) -> json::Frame {
        auto &violations = static_cast<Draft *>(object)->error.violations;

        if (violations.size() == max_violations) {
            return {};
        }

        return {&violation, &violations.emplace_back()};
    };
    return field;
}

constexpr json::Field violation_field = make_violation();
constexpr json::Shape violations = json::Shape::array_of(violation_field);

void take_field(Draft &draft, std::string_view text)
{
    keep(draft.error.field, text);
}

constexpr json::Field field_violation_fields[] = {
    text<Draft, take_field>("field")
};
constexpr json::Shape field_violation{field_violation_fields};
constexpr json::Field field_violation_field = same_object<field_violation>();
constexpr json::Shape field_violations =
    json::Shape::array_of(field_violation_field);

void take_limit(Draft &draft, std::string_view text)
{
    keep(draft.quota.quota_id, text);
}

void take_limit_value(Draft &draft, std::string_view text)
{
    keep(draft.error.quota_limit_value, text);
    draft.quota.value = whole_number(text);
}

void take_limit_metric(Draft &draft, std::string_view text)
{
    keep(draft.quota.metric, text);
}

void take_limit_model(Draft &draft, std::string_view text)
{
    keep(draft.quota.model, text);
}

void take_reset_delay(Draft &draft, std::string_view text)
{
    draft.reset_delay_ms = parse_go_duration(text);
}

void take_service(Draft &draft, std::string_view text)
{
    keep(draft.error.service, text);
}

/// Of all of Google's it says "googleapis.com".
void take_domain(Draft &draft, std::string_view text)
{
    if (ends_with(text, ".googleapis.com")) {
        draft.domain = text.substr(0, max_error_text);
    }
}

void take_permission(Draft &draft, std::string_view text)
{
    keep(draft.error.permission, text);
}

constexpr json::Field metadata_fields[] = {
    text<Draft, take_service>("service"),
    text<Draft, take_permission>("permission"),
    text<Draft, take_limit>("quota_limit"),
    text<Draft, take_limit_value>("quota_limit_value"),
    text<Draft, take_limit_metric>("quota_metric"),
    text<Draft, take_limit_model>("model"),
    text<Draft, take_reset_delay>("quotaResetDelay")
};
constexpr json::Shape metadata{metadata_fields};

void take_reason(Draft &draft, std::string_view text)
{
    keep(draft.error.reason, text);
}

void take_retry_delay(Draft &draft, std::string_view text)
{
    auto delay = parse_duration(text);
    draft.error.retry_delay_ms = delay ? delay : parse_go_duration(text);
}

void take_detail(Draft &draft, std::string_view text)
{
    keep(draft.error.detail, text);
}

// The kinds of details have no name in common that means two things, so
// "@type" need not be known before the rest.
constexpr json::Field detail_fields[] = {
    text<Draft, take_reason>("reason"),
    text<Draft, take_domain>("domain"),
    same_object<metadata>("metadata"),
    same_array<violations>("violations"),
    text<Draft, take_retry_delay>("retryDelay"),
    same_array<field_violations>("fieldViolations"),
    text<Draft, take_detail>("detail")
};
constexpr json::Shape detail{detail_fields};
constexpr json::Field detail_field = same_object<detail>();
constexpr json::Shape details = json::Shape::array_of(detail_field);

void take_code(Draft &draft, std::string_view text)
{
    draft.code = whole_number(text);
}

void take_status(Draft &draft, std::string_view text)
{
    keep(draft.error.status, text);
}

void take_message(Draft &draft, std::string_view text)
{
    keep(draft.error.message, text);
}

constexpr json::Field error_fields[] = {
    text<Draft, take_code>("code"),
    text<Draft, take_status>("status"),
    text<Draft, take_message>("message"),
    same_array<details>("details")
};
constexpr json::Shape error_shape{error_fields};

constexpr json::Field make_error_field()
{
    json::Field field;
    field.name = "error";
    field.open_object = [](json::Reader &, void *object) -> json::Frame {
        static_cast<Draft *>(object)->error.json = true;
        return {&error_shape, object};
    };
    // What other servers on the way make of it: {"error":"text"}.
    field.takes_string = true;
    field.scalar = [](json::Reader &reader, void *object,
                       const json::Scalar &value) {
        auto &error = static_cast<Draft *>(object)->error;
        error.json = true;
        keep(error.message, value.string.decode(reader.arena()));
    };
    return field;
}

constexpr json::Field root_fields[] = {make_error_field()};
constexpr json::Shape root{root_fields};

struct StatusCode {
    std::string_view status;
    int code;
};

// google.rpc.Code and its HTTP mapping.
constexpr StatusCode status_codes[] = {
    {"CANCELLED", 499},
    {"UNKNOWN", 500},
    {"INVALID_ARGUMENT", 400},
    {"DEADLINE_EXCEEDED", 504},
    {"NOT_FOUND", 404},
    {"ALREADY_EXISTS", 409},
    {"PERMISSION_DENIED", 403},
    {"UNAUTHENTICATED", 401},
    {"RESOURCE_EXHAUSTED", 429},
    {"FAILED_PRECONDITION", 400},
    {"ABORTED", 409},
    {"OUT_OF_RANGE", 400},
    {"UNIMPLEMENTED", 501},
    {"INTERNAL", 500},
    {"UNAVAILABLE", 503},
    {"DATA_LOSS", 500}
};

/// error.code where it is an HTTP status of an error, for it is right even in
/// a stream's 200; some send their gRPC code there, or nothing.
int code_of(const Draft &draft, int http_status)
{
    if (draft.code && *draft.code >= 400 && *draft.code <= 599) {
        return static_cast<int>(*draft.code);
    }

    if (http_status >= 400) {
        return http_status;
    }

    for (const StatusCode &row : status_codes) {
        if (row.status == draft.error.status) {
            return row.code;
        }
    }

    return http_status;
}

/// What the message's own lines say: "* Quota exceeded for metric: M, limit:
/// N, model: X".
void violations_from_message(UpstreamError &error)
{
    constexpr std::string_view metric = "Quota exceeded for metric: ";
    constexpr std::string_view limit = ", limit: ";
    constexpr std::string_view model = ", model: ";
    std::string_view rest = error.message;

    while (error.violations.size() < max_violations) {
        std::size_t at = rest.find(metric);

        if (at == std::string_view::npos) {
            return;
        }

        rest.remove_prefix(at + metric.size());
        std::string_view line = trim(rest.substr(0, rest.find('\n')));
        QuotaViolation found;
        at = line.find(model);

        if (at != std::string_view::npos) {
            found.model = line.substr(at + model.size());
            line = line.substr(0, at);
        }

        at = line.find(limit);

        if (at != std::string_view::npos) {
            found.value = whole_number(line.substr(at + limit.size()));
            line = line.substr(0, at);
        }

        found.metric = line;
        error.violations.push_back(std::move(found));
    }
}

/// Where the details name no quota, the other places that may.
void complete_violations(Draft &draft)
{
    auto &violations = draft.error.violations;

    // PreconditionFailure has violations too, of another kind.
    violations.erase(
        std::remove_if(violations.begin(), violations.end(),
            [](const QuotaViolation &violation) {
                return violation.quota_id.empty() && violation.metric.empty();
            }),
        violations.end());

    if (violations.empty() && !draft.quota.quota_id.empty()) {
        violations.push_back(draft.quota);
    }

    if (violations.empty()) {
        violations_from_message(draft.error);
    }
}

/// Without alt=sse a stream's error is an element of an array, and may come
/// after others; after so many it is no error body.
constexpr int max_elements = 64;

/// false: no error object in there.
bool read_json(std::string_view body, Draft &draft)
{
    json::Elements objects(max_error_body);
    std::string_view object;

    for (int i = 0; i < max_elements; ++i) {
        if (objects.next(body, object) != json::Elements::Step::object) {
            return false;
        }

        Arena arena(std::pmr::new_delete_resource());
        Draft found;

        if (json::read(object, root, found, arena,
                json::Strictness::lenient) && found.error.json)
        {
            draft = std::move(found);
            return true;
        }
    }

    return false;
}

/// Where a page's <script>, <style> or comment ends; it has no text.
std::size_t end_of_hidden(std::string_view page, std::size_t at)
{
    struct Pair {
        std::string_view begin;
        std::string_view end;
    };

    constexpr Pair pairs[] = {
        {"<!--", "-->"}, {"<style", "</style"}, {"<script", "</script"}
    };

    for (const Pair &pair : pairs) {
        if (iequals(page.substr(at, pair.begin.size()), pair.begin)) {
            std::size_t end = page.find(pair.end, at);
            return end == std::string_view::npos ? page.size() : end;
        }
    }

    return at;
}

/// The text of a page, or of a plain body, with runs of white space as one.
std::string text_of(std::string_view body, bool html)
{
    std::string text;
    bool gap = false;

    for (std::size_t i = 0;
         i < body.size() && text.size() < max_error_text; ++i)
    {
        char c = body[i];

        if (html && c == '<') {
            i = end_of_hidden(body, i);
            i = body.find('>', i);
            gap = true;

            if (i == std::string_view::npos) {
                break;
            }

        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            gap = true;

        } else {
            if (gap && !text.empty()) {
                text.push_back(' ');
            }

            text.push_back(c);
            gap = false;
        }
    }

    return text;
}

}

UpstreamError parse_error(int http_status, std::string_view body)
{
    Draft draft;

    body = trim(body.substr(0, max_error_body));

    if (!body.empty() && (body.front() == '{' || body.front() == '[')
        && read_json(body, draft))
    {
        complete_violations(draft);

        if (draft.error.service.empty()) {
            draft.error.service = std::move(draft.domain);
        }

        if (!draft.error.retry_delay_ms) {
            draft.error.retry_delay_ms = draft.reset_delay_ms;
        }

    } else if (!body.empty()) {
        draft.error.html = body.front() == '<';
        draft.error.message = text_of(body, draft.error.html);
    }

    draft.error.code = code_of(draft, http_status);

    return std::move(draft.error);
}

}
