// A whole Gemini answer -> a chat completion, or a text completion.
// Source: reference/chat-response.md.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/output.hpp"
#include "core/base/result.hpp"
#include "core/gemini/generate_reply.hpp"
#include "core/gemini/usage.hpp"
#include "core/json/value.hpp"
#include "core/openai/chat_reply.hpp"
#include "core/translate/call_ids.hpp"
#include "core/translate/names.hpp"
#include "core/translate/outcome.hpp"
#include "core/translate/parts.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::translate {

/// What an answer is when it is a text completion instead of a chat's. It may
/// be one part of a longer one, each prompt being a call of its own.
struct TextForm {
    bool echo = false;
    json::String prompt;            // stands before the text with echo
    std::int64_t first_index = 0;   // of the choices
    bool first = true;              // has the object's head
    bool last = true;               // has its end, with the usage
    gemini::Usage before;           // of the parts before this one
};

struct ReplyOptions {
    openai::ReplyHead head;
    /// Random, unguessable: what generated tool call ids are made of.
    std::string_view id_seed;
    Thoughts thoughts = Thoughts::field;
    Calls calls = Calls::parallel;
    AudioFormat audio = AudioFormat::none;  // modalities had it
    /// Outlives this; null: functions are called as upstream calls them.
    const NameMap *names = nullptr;
    /// Outlives this; null: nobody wants to know.
    SignatureSink *signatures = nullptr;
    bool include_usage = false;     // streams: stream_options.include_usage
    bool logprobs = false;          // the client asked for them

    /// Takes the place of what a chat's answer has; thoughts are hidden.
    std::optional<TextForm> text;

    PartRules rules() const
    {
        return text ? PartRules{Thoughts::hide, calls, AudioFormat::none, true}
                    : PartRules{thoughts, calls, audio, false};
    }
};

/// What came of a body.
enum class ReplyState {
    complete,           // written
    empty,              // nothing in it and another try may help; `out` was
                        // not touched unless write_empty
    failed              // an error object in a 200; see upstream_error
};

struct Reply {
    ReplyState state = ReplyState::complete;
    Outcome outcome;
    gemini::UpstreamError upstream_error;   // failed
    Error error;                            // empty: what to tell the client
};

/// Writes the completion to out, of either form. Error (upstream_failed): not a
/// GenerateContentResponse. write_empty: an answer without content is written
/// as it is where that makes sense (a STOP without text), because there is no
/// other try; where it does not, state is empty and error says why. Of several
/// thought signatures outside the calls the last is kept, as in Google's own
/// compatible API.
Result<Reply> to_chat_completion(std::string_view body,
    const ReplyOptions &options, bool write_empty, Arena &arena,
    Output &out);

}
