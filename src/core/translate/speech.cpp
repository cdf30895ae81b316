#include "core/translate/speech.hpp"

#include "core/base/text.hpp"
#include "core/json/writer.hpp"

#include <string_view>

namespace gw::translate {

namespace {

struct Voice {
    std::string_view openai;
    std::string_view gemini;
};

// Names that do not exist upstream; chosen by how the voices are described.
constexpr Voice voices[] = {
    {"alloy", "Kore"},
    {"ash", "Puck"},
    {"ballad", "Orus"},
    {"coral", "Aoede"},
    {"echo", "Charon"},
    {"fable", "Fenrir"},
    {"nova", "Leda"},
    {"onyx", "Algenib"},
    {"sage", "Sulafat"},
    {"shimmer", "Zephyr"},
    {"verse", "Umbriel"},
    {"marin", "Callirrhoe"},
    {"cedar", "Iapetus"}
};

bool asks_for_audio(const openai::ChatRequest &request, Arena &arena)
{
    for (const json::String &modality : request.modalities) {
        if (iequals(modality.decode(arena), "audio")) {
            return true;
        }
    }

    return false;
}

}

AudioFormat audio_format(const openai::ChatRequest &request, Arena &arena)
{
    if (!asks_for_audio(request, arena)) {
        return AudioFormat::none;
    }

    return iequals(request.audio.format.decode(arena), "wav")
        ? AudioFormat::wav : AudioFormat::pcm16;
}

Result<void> set_speech(const openai::ChatRequest &request, Arena &arena,
    gemini::GenerationConfig &out)
{
    if (!asks_for_audio(request, arena)) {
        return {};
    }

    std::string_view format = request.audio.format.decode(arena);

    if (!format.empty() && !iequals(format, "pcm16")
        && !iequals(format, "wav"))
    {
        Error error;
        error.kind = ErrorKind::bad_request;
        error.message = "Unsupported value: 'audio.format' must be 'pcm16' "
                        "or 'wav' with this model.";
        error.param = "audio.format";
        error.code = "unsupported_value";

        return error;
    }

    if (out.speech_config.present() || request.audio.voice.empty()) {
        return {};
    }

    json::String name = request.audio.voice;
    std::string_view plain = name.decode(arena);

    for (const Voice &voice : voices) {
        if (iequals(plain, voice.openai)) {
            name = json::String(voice.gemini);
        }
    }

    StringOutput text;
    json::Writer writer(text);

    writer.begin_object();
    writer.key("voiceConfig").begin_object();
    writer.key("prebuiltVoiceConfig").begin_object();
    writer.key("voiceName").text(name);
    writer.end_object().end_object().end_object();

    out.speech_config = json::Raw{arena.copy(text.view()),
        json::Type::object};

    return {};
}

}
