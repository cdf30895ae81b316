// Whether a credential lives: the question that costs no quota, and what the
// answer to it means.
#pragma once

#include "core/gemini/api.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gw::gemini {

struct KeyQuestion {
    std::string_view method = "GET";
    std::string path;
    std::string_view body;          // JSON; empty: none
};

/// One model of the list; Vertex AI, whose list says nothing of rights, counts
/// the tokens of a word. Source: reference/endpoints.md.
KeyQuestion key_question(const Place &place);

/// The list of one model is far smaller, an error too.
constexpr std::size_t max_key_check_answer = 64 * 1024;

enum class KeyState : std::uint8_t {
    lives,
    refused,            // what rests a key as `invalid`
    unclear             // anything else says nothing about the key
};

/// What an operator has to mend, as far as upstream says it.
enum class ProblemKind : std::uint8_t {
    none,
    api_disabled,
    permission_missing,
    scope_insufficient,
    billing,
    token               // there is none, or upstream does not take it
};

std::string_view name_of(ProblemKind kind);

struct KeyProblem {
    ProblemKind kind = ProblemKind::none;
    std::string service;            // empty: upstream does not say
    std::string permission;         // likewise
    std::string hint;               // what to do about it
};

struct KeyAnswer {
    KeyState state = KeyState::unclear;
    std::string reason;             // upstream's word: "API_KEY_INVALID"
    std::string message;            // scrubbed, bounded
    KeyProblem problem;
};

/// Of a whole answer of an API. A 2xx that is no answer to the question comes
/// from somebody on the way and says nothing either.
KeyAnswer read_key_answer(int http_status, std::string_view body,
    std::string_view secret, Api api = Api::gemini);

}
