// What is exchanged for an access token: a JSON Web Token that the account's
// key has signed. Source: reference/service-account.md sections 2 and 3,
// RFC 7515, RFC 7523.
#pragma once

#include "core/account/key_file.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace gw::account {

constexpr std::string_view default_scope =
    "https://www.googleapis.com/auth/cloud-platform";

/// How long the assertion says that it holds: the most Google takes.
constexpr std::int64_t assertion_seconds = 3600;

/// RS256. scope: one or several, a space between two. Empty: OpenSSL has
/// failed. As good as a token while it holds: the caller wipes it.
std::string sign_assertion(const ServiceAccount &account,
    std::string_view scope, std::int64_t now_ms);

constexpr std::string_view token_request_type =
    "application/x-www-form-urlencoded";

/// The form that is posted to token_uri.
std::string token_request_body(std::string_view assertion);

}
