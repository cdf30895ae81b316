// Any body of a failed upstream request: it gets a verdict that is consistent,
// and the client an error that is JSON, short, and without the credential.
#include "core/base/text.hpp"
#include "core/gemini/error.hpp"
#include "core/json/reader.hpp"
#include "core/openai/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>

namespace {

using namespace gw;

void require(bool held)
{
    if (!held) {
        __builtin_trap();
    }
}

bool is_json(const std::string &text)
{
    Arena arena(std::pmr::new_delete_resource());
    json::Reader reader(arena, json::Strictness::strict);
    char nothing = 0;

    return static_cast<bool>(reader.read(text, json::Shape{}, &nothing));
}

constexpr std::string_view secret = "opaque-secret-of-ours";

void check(int status, std::string_view body)
{
    auto error = gemini::parse_error(status, body);

    require(error.violations.size() <= gemini::max_violations);
    require(error.message.size() <= gemini::max_error_text + 1);
    require(error.field.size() <= gemini::max_error_text);
    require(!(error.json && error.html));

    auto verdict = gemini::classify(error, std::nullopt, secret);

    // What rests is never the client's fault, and the reverse.
    require(verdict.failure == gemini::FailureClass::none
            || verdict.action == gemini::Action::next_credential);
    require(!verdict.perhaps_daily
            || verdict.failure == gemini::FailureClass::rate_limit);

    int to_client = openai::status_of(verdict.error.kind);
    require(to_client != 401);
    require(to_client != 403
            || verdict.error.kind == ErrorKind::unsupported_region);

    require(!verdict.error.message.empty());
    require(verdict.error.message.size() < 3000);
    require(valid_utf8(verdict.error.message));
    require(verdict.error.message.find(secret) == std::string::npos);
    require(verdict.error.retry_after >= 0
            && verdict.error.retry_after <= 24 * 3600);

    StringOutput out;
    openai::write_error(verdict.error, out);
    require(is_json(out.take()));

    // White space around the body says nothing.
    std::string padded = " \n" + std::string(body) + "\r\n";
    auto again = gemini::parse_error(status, padded);
    require(again.code == error.code);
    require(again.message == error.message);
    require(again.json == error.json);
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    constexpr int statuses[] = {
        200, 400, 401, 402, 403, 404, 409, 413, 429, 500, 502, 503, 504, 599
    };

    if (size == 0) {
        return 0;
    }

    std::string_view body(reinterpret_cast<const char *>(data) + 1, size - 1);
    check(statuses[data[0] % (sizeof(statuses) / sizeof(statuses[0]))], body);

    return 0;
}
