// Statuses are those of google.rpc.Code that Google's API gives for the HTTP
// status. Source: reference/errors.md section 1.
#include "core/gemini/error_form.hpp"

#include "core/json/writer.hpp"

#include <string>
#include <string_view>

namespace gw::gemini {

namespace {

struct Row {
    int status;
    std::string_view name;
};

constexpr Row rows[] = {
    {401, "UNAUTHENTICATED"},
    {403, "PERMISSION_DENIED"},
    {404, "NOT_FOUND"},
    {405, "UNIMPLEMENTED"},
    {408, "DEADLINE_EXCEEDED"},
    {409, "ABORTED"},
    {429, "RESOURCE_EXHAUSTED"},
    {500, "INTERNAL"},
    {501, "UNIMPLEMENTED"},
    {502, "UNAVAILABLE"},
    {503, "UNAVAILABLE"},
    {504, "DEADLINE_EXCEEDED"}
};

std::string_view name_of_status(int status)
{
    for (const Row &row : rows) {
        if (row.status == status) {
            return row.name;
        }
    }

    return status >= 400 && status < 500 ? "INVALID_ARGUMENT" : "UNKNOWN";
}

}

void write_error(const Error &error, int status, Output &out)
{
    json::Writer writer(out);

    writer.begin_object().key("error").begin_object();
    writer.key("code").number(status);
    writer.key("message").string(error.message);
    writer.key("status").string(name_of_status(status));

    if (error.retry_after > 0) {
        writer.key("details").begin_array().begin_object();
        writer.key("@type").string(
            "type.googleapis.com/google.rpc.RetryInfo");
        writer.key("retryDelay").string(
            std::to_string(error.retry_after) + "s");
        writer.end_object().end_array();
    }

    writer.end_object().end_object();
}

}
