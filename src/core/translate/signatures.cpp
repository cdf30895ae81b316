// A signature is base64 to us and nothing more.
#include "core/translate/signatures.hpp"

#include <cstddef>
#include <string_view>

namespace gw::translate {

namespace {

/// Padded or not, in either alphabet.
bool is_base64(std::string_view text)
{
    std::size_t size = text.size();

    while (size > 0 && text[size - 1] == '=') {
        --size;
    }

    if (size % 4 == 1 || text.size() - size > 2) {
        return false;
    }

    for (char c : text.substr(0, size)) {
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '-'
              || c == '_'))
        {
            return false;
        }
    }

    return true;
}

bool has_escapes(std::string_view raw)
{
    return raw.find('\\') != std::string_view::npos;
}

}

json::String usable_signature(const json::String &given, Arena &arena)
{
    return is_base64(given.decode(arena)) ? given : json::String();
}

CallId::CallId(const json::String &given) : id(given)
{
    constexpr std::string_view separator = "__thought__";

    std::size_t at = given.raw.find(separator);

    if (at == std::string_view::npos) {
        return;
    }

    std::string_view before = given.raw.substr(0, at);
    std::string_view behind = given.raw.substr(at + separator.size());

    id = json::String(before, has_escapes(before));
    signature = json::String(behind, has_escapes(behind));
}

}
