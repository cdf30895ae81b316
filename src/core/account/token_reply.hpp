// What a token endpoint answers, and what it says about the account.
// Source: reference/service-account.md section 3, RFC 6749 section 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw::account {

/// Google's tokens are of up to 2048 bytes.
constexpr std::size_t max_token = 2048;
/// And hold for up to twelve hours.
constexpr std::int64_t longest_lifetime_ms = 12 * 3600 * 1000;

/// Whether it may stand in a header.
bool is_token(std::string_view text);

constexpr std::size_t max_problem = 160;
constexpr std::size_t max_token_answer = 64 * 1024;

/// What it is about, when there is no token: how soon another attempt makes
/// sense, and what an operator may do.
enum class Cause : std::uint8_t {
    none,
    // may be over soon
    unreachable,
    endpoint,           // 5xx, 429, an answer that is none
    // the clock may be set at any time
    clock,
    // until somebody does something
    wrong_key,
    account_gone,
    scope,
    not_allowed,
    other,
    causes
};

/// What to do about it, as the end of a log line; empty: nobody knows.
std::string_view hint_of(Cause cause);

struct TokenReply {
    Cause cause = Cause::none;          // none: there is a token
    std::string token;                  // the caller wipes it
    std::int64_t lifetime_ms = 0;
    std::string problem;                // in the endpoint's words: scrubbed,
                                        // one line of at most max_problem
    bool ok() const { return cause == Cause::none; }
};

/// Of a whole answer.
TokenReply read_token_reply(int http_status, std::string_view body);

}
