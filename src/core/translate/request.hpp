// OpenAI chat request -> Gemini generate request.
// Source: reference/chat-request.md.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/list.hpp"
#include "core/base/result.hpp"
#include "core/gemini/api.hpp"
#include "core/gemini/generate_request.hpp"
#include "core/openai/chat_request.hpp"

#include <cstdint>
#include <string_view>

namespace gw::translate {

enum class Thoughts : std::uint8_t { field, inline_tags, hide };

/// Where thought signatures are kept for clients that drop them.
struct SignatureSource {
    /// The signature of the function call that had this id, empty: none is
    /// known. It has to last until the next call of find.
    virtual std::string_view find(std::string_view call_id) = 0;

protected:
    ~SignatureSource() = default;
};

/// What the operator set for the place the request came to.
struct RequestOptions {
    /// The upstream model id, aliases resolved, prefixes stripped.
    std::string_view model;
    /// Whose words the request is to be said in.
    gemini::Api api = gemini::Api::gemini;
    /// gemini_safety; sent when the client sends none.
    const gemini::SafetySetting *safety = nullptr;
    std::size_t safety_count = 0;
    /// nullptr: there is none.
    SignatureSource *signatures = nullptr;
    /// Upstream has refused a signature: all become the skip value.
    bool distrust_signatures = false;
};

/// Fills out, whose slices point into request, the arena or static memory.
/// Guarantees what reference/chat-request.md 5.2 asks of `contents`: never
/// empty, no empty parts, neighbours of one role merged, a user turn first and
/// (where the family needs it) last. The names of functions are those of
/// NameMap(request, arena), which the answer's are to be read with. Errors are
/// bad_request with the param.
Result<void> to_generate_request(const openai::ChatRequest &request,
    const RequestOptions &options, Arena &arena,
    gemini::GenerateRequest &out);

}
