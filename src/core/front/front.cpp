#include "core/front/front.hpp"

#include "core/json/elements.hpp"

namespace gw::front {

bool is_complete(std::string_view body)
{
    json::Elements elements(body.size() + 1);
    std::string_view object;

    return elements.next(body, object) == json::Elements::Step::object;
}

}
