// What the module thinks of an answer, for scripts: no rule is written twice.
//
// On each line of the input one answer of Gemini's,
//
//     {"key":"…","status":429,"headers":{"retry-after":"7"},"body":"…"}
//
// on each line of the output, in the same order, what it means:
//
//     {"key":"AIza…w3k","class":"rate_limit","reason":"…","message":"…",
//      "retry_after_ms":7000}
//
// class: a failure class, or "none"; without a status none is sought. The key,
// which comes masked, is taken out of reason and message.
#include "core/base/arena.hpp"
#include "core/base/duration.hpp"
#include "core/base/text.hpp"
#include "core/gemini/error.hpp"
#include "core/json/reader.hpp"
#include "core/json/writer.hpp"

#include <chrono>
#include <iostream>
#include <memory_resource>
#include <optional>
#include <string>

namespace gw::tools {

namespace {

constexpr std::size_t max_shown = 200;      // bytes of a message
constexpr int first_error = 400;
constexpr int last_status = 599;

struct Headers {
    json::String retry_after;
};

struct Answer {
    json::String key;
    std::optional<std::int64_t> status;
    Headers headers;
    json::String body;
};

constexpr json::Field header_fields[] = {
    json::string<&Headers::retry_after>("retry-after"),
};
constexpr json::Shape headers_shape{header_fields};

constexpr json::Field answer_fields[] = {
    json::string<&Answer::key>("key"),
    json::integer<&Answer::status>("status"),
    json::object<&Answer::headers, headers_shape>("headers"),
    json::string<&Answer::body>("body"),
};
constexpr json::Shape answer_shape{answer_fields};

std::int64_t now_ms()
{
    return std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch()).count();
}

void write_verdict(const Answer &answer, Arena &arena, json::Writer &json)
{
    std::string_view key = answer.key.decode(arena);
    std::int64_t status = answer.status.value_or(0);

    json.key("key").string(mask(key));

    if (status < first_error || status > last_status) {
        json.key("class").string(
            gemini::name_of(gemini::FailureClass::none));
        return;
    }

    gemini::UpstreamError error = gemini::parse_error(
        static_cast<int>(status), answer.body.decode(arena));
    gemini::Verdict verdict = gemini::classify(error,
        parse_retry_after(answer.headers.retry_after.decode(arena),
            now_ms()), key);

    json.key("class").string(gemini::name_of(verdict.failure));
    json.key("reason").string(scrub(
        error.reason.empty() ? error.status : error.reason, key, max_shown));
    json.key("message").string(scrub(error.message, key, max_shown));

    if (verdict.retry_after_ms) {
        json.key("retry_after_ms").number(*verdict.retry_after_ms);
    }
}

/// false: the line is no answer.
bool judge(std::string_view line, Output &out)
{
    Arena arena(std::pmr::get_default_resource());
    Answer answer;
    auto read = json::read(line, answer_shape, answer, arena);

    if (!read) {
        std::cerr << "error_class: " << read.error().message << '\n';
        return false;
    }

    json::Writer json(out);
    json.begin_object();
    write_verdict(answer, arena, json);
    json.end_object();

    return true;
}

}

}

int main()
{
    std::string line;

    while (std::getline(std::cin, line)) {
        gw::StringOutput out;

        if (!gw::tools::judge(line, out)) {
            return 1;
        }

        // Flushed: whoever asks waits for the answer.
        std::cout << out.view() << std::endl;
    }
}
