// What differs between the model families: one table, matched by name, and
// nothing else asks "is this Gemini 3?". Names nobody knows yet behave like
// the newest family. Source: reference/chat-request.md section 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw::gemini {

enum class ThinkingControl : std::uint8_t {
    none,           // thinkingConfig is an error
    budget,         // thinkingBudget, tokens
    level           // thinkingLevel
};

/// Bits of Family::levels.
enum ThinkingLevel : std::uint8_t {
    level_minimal = 1,
    level_low = 2,
    level_medium = 4,
    level_high = 8
};

struct Family {
    std::string_view name;          // "2.5-flash", for logs and tests
    ThinkingControl thinking;
    std::uint8_t levels;            // accepted, ThinkingLevel bits
    std::int32_t budget_min;        // smallest budget but 0
    std::int32_t budget_max;
    bool budget_zero;               // thinking can be switched off
    bool sampling;                  // temperature, topP, topK have an effect
    bool candidates;                // candidateCount > 1 is accepted
    bool penalties;                 // presence and frequency penalty
    bool trailing_model_turn;       // contents may end with a model turn
    bool signatures;                // a function call needs its signature
    bool system_instruction;
    bool json_schema;               // the JsonSchema twins are understood
    bool tools_with_json;           // functions together with a JSON reply
    bool function_call_ids;         // functionCall.id both ways
    std::int32_t output_tokens;     // the most it writes; clients send more
    std::int32_t unary_output_tokens;       // the same without streaming
};

/// The family of an upstream model id (no "models/" prefix).
const Family &family_of(std::string_view model);

/// From how many values on the vectors of an embedding model come with length
/// one; 0: all do. Source: reference/endpoints.md section 1.3.
std::size_t unit_vectors_from(std::string_view model);

/// The model id without what clients put around it: "models/", "google/",
/// "publishers/google/models/", "gemini/" in front. A view into `name`.
std::string_view bare_model(std::string_view name);

/// Whether an id may stand in an upstream path: 1 to 128 characters of
/// [A-Za-z0-9._:@-], and '/' only as in "tunedModels/x"; no "..", no empty
/// segment, no ":method" at its end.
bool valid_model(std::string_view model);

}
