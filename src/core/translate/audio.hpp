// Spoken answers: Gemini's pieces of base64 -> one run of base64.
// Source: reference/chat-response.md section 2.1.
#pragma once

#include "core/base/output.hpp"
#include "core/json/value.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gw::translate {

/// The form the client asked for.
enum class AudioFormat : std::uint8_t { none, pcm16, wav };

bool is_audio(const json::String &mime_type);

/// Base64 that is one run although it comes in pieces, each padded for itself:
/// up to two bytes wait for the next piece. What is no base64 is left out.
class Base64Join {
public:
    void append(std::string_view bytes, Output &out);

    /// `raw` is the inside of a JSON string.
    void append_base64(std::string_view raw, Output &out);

    bool holding() const { return held_ > 0; }

    /// The run ends: what waits, padded.
    void end(Output &out);

private:
    void put(unsigned char byte, Output &out);

    unsigned char bytes_[3] = {};
    std::size_t held_ = 0;
};

/// How many bytes a piece of base64 stands for.
std::size_t base64_bytes(std::string_view raw);

/// The head of a WAV file of as many bytes of the samples that a MIME type
/// like "audio/L16;codec=pcm;rate=24000" tells of. Writes nothing for audio
/// that is in a file format already.
void write_wav_head(const json::String &mime_type, std::size_t bytes,
    Base64Join &join, Output &out);

}
