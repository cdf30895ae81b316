// Whether a key lives: the question that costs no quota, and what the answer
// to it means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gw::gemini {

/// One model of the list. Source: reference/endpoints.md.
constexpr std::string_view key_check_path = "/v1beta/models?pageSize=1";

/// The list of one model is far smaller, an error too.
constexpr std::size_t max_key_check_answer = 64 * 1024;

enum class KeyState : std::uint8_t {
    lives,
    refused,            // what rests a key as `invalid`
    unclear             // anything else says nothing about the key
};

struct KeyAnswer {
    KeyState state = KeyState::unclear;
    std::string reason;             // upstream's word: "API_KEY_INVALID"
    std::string message;            // scrubbed, bounded
};

/// Of a whole answer. A 2xx that is no list of models comes from somebody on
/// the way and says nothing either.
KeyAnswer read_key_answer(int http_status, std::string_view body,
    std::string_view secret);

}
