#include "core/translate/speech.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>

namespace {

using namespace gw;

struct Case {
    std::string fields;
    std::string config;         // "400": refused
    translate::AudioFormat format;
};

TEST(Speech, TakesVoiceAndFormatWhenASpokenAnswerIsAskedFor)
{
    using translate::AudioFormat;

    const std::string open = R"({"voiceConfig":{"prebuiltVoiceConfig":)"
        R"({"voiceName":")";

    const Case cases[] = {
        {R"("audio":{"voice":"alloy","format":"wav"})", "",
            AudioFormat::none},
        {R"("modalities":["text"],"audio":{"voice":"alloy"})", "",
            AudioFormat::none},
        {R"("modalities":["text","audio"])", "", AudioFormat::pcm16},
        {R"("modalities":["audio"],"audio":{"voice":"alloy",
            "format":"wav"})", open + R"(Kore"}}})", AudioFormat::wav},
        {R"("modalities":["audio"],"audio":{"voice":"Puck",
            "format":"pcm16"})", open + R"(Puck"}}})", AudioFormat::pcm16},
        {R"("modalities":["audio"],"audio":{"voice":"x","format":"mp3"})",
            "400", AudioFormat::pcm16}
    };

    for (const Case &c : cases) {
        Arena arena(std::pmr::new_delete_resource());
        openai::ChatRequest request;
        std::string text = R"({"model":"m","messages":[{"role":"user",)"
            R"("content":"x"}],)" + c.fields + "}";

        ASSERT_TRUE(openai::parse(text, arena, request)) << text;

        gemini::GenerationConfig config;
        auto set = translate::set_speech(request, arena, config);

        if (c.config == "400") {
            ASSERT_FALSE(set) << text;
            EXPECT_EQ(set.error().param, "audio.format");
        } else {
            ASSERT_TRUE(set) << text;
            EXPECT_EQ(config.speech_config.text, c.config);
        }

        EXPECT_EQ(translate::audio_format(request, arena), c.format) << text;
    }
}

TEST(Speech, LeavesAClientsOwnSpeechConfig)
{
    Arena arena(std::pmr::new_delete_resource());
    openai::ChatRequest request;
    ASSERT_TRUE(openai::parse(R"({"model":"m","messages":[{"role":"user",
        "content":"x"}],"modalities":["audio"],"audio":{"voice":"alloy"}})",
        arena, request));

    gemini::GenerationConfig config;
    config.speech_config = json::Raw{"{}", json::Type::object};
    ASSERT_TRUE(translate::set_speech(request, arena, config));
    EXPECT_EQ(config.speech_config.text, "{}");
}

}
