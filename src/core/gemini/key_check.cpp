#include "core/gemini/key_check.hpp"

#include "core/base/text.hpp"
#include "core/gemini/error.hpp"
#include "core/json/reader.hpp"

#include <memory_resource>

namespace gw::gemini {

namespace {

constexpr std::size_t max_reason = 100;
constexpr std::size_t max_message = 500;

struct ListPage {
    json::Raw models;
};

constexpr json::Field page_fields[] = {
    json::raw<&ListPage::models>("models"),
};
constexpr json::Shape page_shape{page_fields};

bool is_list(std::string_view body)
{
    Arena arena(std::pmr::new_delete_resource());
    ListPage page;

    return json::read(body, page_shape, page, arena,
               json::Strictness::lenient)
           && page.models.type == json::Type::array;
}

}

KeyAnswer read_key_answer(int http_status, std::string_view body,
    std::string_view secret)
{
    KeyAnswer answer;

    if (http_status >= 200 && http_status < 300) {
        if (is_list(body)) {
            answer.state = KeyState::lives;
        } else {
            answer.message = "The answer is no list of models.";
        }

        return answer;
    }

    UpstreamError error = parse_error(http_status, body);

    // What the status line says counts: a body may claim anything.
    if (error.code == http_status
        && classify(error, std::nullopt, secret).failure
           == FailureClass::invalid)
    {
        answer.state = KeyState::refused;
    }

    answer.reason = scrub(error.reason.empty() ? error.status : error.reason,
        secret, max_reason);
    answer.message = scrub(error.message, secret, max_message);

    return answer;
}

}
