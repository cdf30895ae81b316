// What can be a credential's secret, whoever brings it: the configuration or
// the admin API.
#pragma once

#include <string_view>

namespace gw::keys {

/// Why the secret cannot be one; empty: it can. Never holds the secret.
std::string_view secret_problem(std::string_view secret);

}
