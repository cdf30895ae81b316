// Spoken answers: OpenAI's `audio` -> Gemini's speechConfig, and what the
// client can be given. Source: reference/chat-request.md section 2.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/result.hpp"
#include "core/gemini/generate_request.hpp"
#include "core/openai/chat_request.hpp"
#include "core/translate/parts.hpp"

namespace gw::translate {

/// Whether modalities ask for a spoken answer, and in what format it then goes
/// to the client. Formats that would have to be encoded are no such.
AudioFormat audio_format(const openai::ChatRequest &request, Arena &arena);

/// Fills out.speech_config with the voice, unless google.speech_config has
/// done so. OpenAI's voices stand for voices of Gemini's; other names go
/// through. Error (bad_request): a format that is neither pcm16 nor wav.
Result<void> set_speech(const openai::ChatRequest &request, Arena &arena,
    gemini::GenerationConfig &out);

}
