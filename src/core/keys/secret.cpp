#include "core/keys/secret.hpp"

#include "core/keys/added.hpp"

namespace gw::keys {

static_assert(KeyChange::max_secret == 512, "the message says so");

std::string_view secret_problem(std::string_view secret)
{
    if (secret.empty()) {
        return "it is empty";
    }

    if (secret.size() > KeyChange::max_secret) {
        return "it is longer than 512 characters";
    }

    for (char c : secret) {
        if (static_cast<unsigned char>(c) <= ' '
            || static_cast<unsigned char>(c) >= 0x7f)
        {
            return "it holds a character that no key has";
        }
    }

    return {};
}

}
