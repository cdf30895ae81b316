// A whole Gemini answer -> a chat completion.
// Source: reference/chat-response.md.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/output.hpp"
#include "core/base/result.hpp"
#include "core/gemini/generate_reply.hpp"
#include "core/openai/chat_reply.hpp"
#include "core/translate/call_ids.hpp"
#include "core/translate/names.hpp"
#include "core/translate/outcome.hpp"
#include "core/translate/parts.hpp"

#include <optional>
#include <string_view>

namespace gw::translate {

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

    PartRules rules() const { return {thoughts, calls, audio}; }
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

/// Writes the completion to out. Error (upstream_failed): not a
/// GenerateContentResponse. write_empty: an answer without content is written
/// as it is where that makes sense (a STOP without text), because there is no
/// other try; where it does not, state is empty and error says why. Of several
/// thought signatures outside the calls the last is kept, as in Google's own
/// compatible API.
Result<Reply> to_chat_completion(std::string_view body,
    const ReplyOptions &options, bool write_empty, Arena &arena,
    Output &out);

}
