#include "core/front/front.hpp"

#include "core/json/elements.hpp"
#include "core/openai/error.hpp"

namespace gw::front {

bool is_complete(std::string_view body)
{
    json::Elements elements(body.size() + 1);
    std::string_view object;

    return elements.next(body, object) == json::Elements::Step::object;
}

int Front::write_error(const Error &error, const gemini::UpstreamError *,
    std::string_view, Output &out) const
{
    openai::write_error(error, out);
    return openai::status_of(error.kind);
}

}
