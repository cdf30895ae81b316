// The upstream body, byte for byte, and what its input will cost.
#include "core/gemini/generate_request.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>

namespace {

using namespace gw::gemini;
using gw::json::Number;
using gw::json::Raw;
using gw::json::String;
using gw::json::Type;

class GenerateRequestTest : public testing::Test {
protected:
    void say(std::string_view text, Role role = Role::user)
    {
        Content &content = request.contents.push(arena);
        content.role = role;
        content.parts.push(arena).text = String(text);
    }

    std::string written()
    {
        gw::StringOutput out;
        write(request, out);
        return out.take();
    }

    gw::Arena arena{std::pmr::new_delete_resource()};
    GenerateRequest request;
};

TEST_F(GenerateRequestTest, LeavesOutWhatIsNotSet)
{
    say("hi");
    EXPECT_EQ(written(),
        R"({"contents":[{"role":"user","parts":[{"text":"hi"}]}]})");
}

TEST_F(GenerateRequestTest, WritesEveryKindOfPart)
{
    Content &content = request.contents.push(arena);
    content.role = Role::model;

    Part &text = content.parts.push(arena);
    text.text = String("a\\n", true);
    text.thought = true;
    text.thought_signature = String("S");

    Part &blob = content.parts.push(arena);
    blob.kind = Part::Kind::inline_data;
    blob.inline_data = {"image/png", "AAAA"};

    Part &file = content.parts.push(arena);
    file.kind = Part::Kind::file_data;
    file.file_data.file_uri = String("https://x");

    Part &call = content.parts.push(arena);
    call.kind = Part::Kind::function_call;
    call.function_call.name = String("f");

    Part &response = content.parts.push(arena);
    response.kind = Part::Kind::function_response;
    response.function_response.id = String("c");
    response.function_response.name = String("f");
    response.function_response.response = Raw{R"({"a":1})", Type::object};
    response.function_response.parts.push(arena, {"image/png", "BBBB"});

    EXPECT_EQ(written(),
        R"({"contents":[{"role":"model","parts":[)"
        R"({"text":"a\n","thought":true,"thoughtSignature":"S"},)"
        R"({"inlineData":{"mimeType":"image/png","data":"AAAA"}},)"
        R"({"fileData":{"fileUri":"https://x"}},)"
        R"({"functionCall":{"name":"f","args":{}}},)"
        R"({"functionResponse":{"id":"c","name":"f","response":{"a":1},)"
        R"("parts":[{"inlineData":{"mimeType":"image/png","data":"BBBB"}}]}})"
        R"(]}]})");
}

TEST_F(GenerateRequestTest, WritesEveryGenerationField)
{
    say("hi");
    GenerationConfig &config = request.generation;
    config.candidate_count = 2;
    config.stop_sequences.push(arena, String("x"));
    config.max_output_tokens = 10;
    config.temperature = Number{"0"};
    config.top_p = Number{"0.10"};
    config.top_k = 3;
    config.seed = -4;
    config.presence_penalty = Number{"1"};
    config.frequency_penalty = Number{"1e-1"};
    config.response_logprobs = true;
    config.logprobs = 5;
    config.response_mime_type = "application/json";
    config.response_json_schema = Raw{R"({"type":"object"})", Type::object};
    config.response_modalities.push(arena, "TEXT");
    config.thinking.budget = 0;
    config.thinking.include_thoughts = false;

    EXPECT_EQ(written(),
        R"({"contents":[{"role":"user","parts":[{"text":"hi"}]}],)"
        R"("generationConfig":{"candidateCount":2,"stopSequences":["x"],)"
        R"("maxOutputTokens":10,"temperature":0,"topP":0.10,"topK":3,)"
        R"("seed":-4,"presencePenalty":1,"frequencyPenalty":1e-1,)"
        R"("responseLogprobs":true,"logprobs":5,)"
        R"("responseMimeType":"application/json",)"
        R"("responseJsonSchema":{"type":"object"},)"
        R"("responseModalities":["TEXT"],)"
        R"("thinkingConfig":{"thinkingBudget":0,"includeThoughts":false}}})");
}

TEST_F(GenerateRequestTest, PutsAllFunctionsIntoOneTool)
{
    say("hi");
    request.system_instruction.push(arena).text = String("s");
    request.tools.functions.push(arena).name = String("f");
    FunctionDeclaration &second = request.tools.functions.push(arena);
    second.name = String("g");
    second.description = String("d");
    second.parameters_json_schema = Raw{R"({"type":"object"})",
        Type::object};
    request.tools.others.push(arena,
        Raw{R"({"googleSearch":{}})", Type::object});
    request.function_calling.mode = "ANY";
    request.function_calling.allowed_names.push(arena, String("f"));
    request.safety.push(arena, {"C", "OFF"});
    request.cached_content = String("cachedContents/x");
    request.service_tier = "flex";

    EXPECT_EQ(written(),
        R"({"systemInstruction":{"parts":[{"text":"s"}]},)"
        R"("contents":[{"role":"user","parts":[{"text":"hi"}]}],)"
        R"("tools":[{"functionDeclarations":[{"name":"f","description":""},)"
        R"({"name":"g","description":"d",)"
        R"("parametersJsonSchema":{"type":"object"}}]},{"googleSearch":{}}],)"
        R"("toolConfig":{"functionCallingConfig":{"mode":"ANY",)"
        R"("allowedFunctionNames":["f"]}},)"
        R"("safetySettings":[{"category":"C","threshold":"OFF"}],)"
        R"("cachedContent":"cachedContents/x","serviceTier":"flex"})");
}

/// Counts what is handed over by reference.
class ReferringOutput final : public gw::Output {
public:
    std::size_t referred = 0;

private:
    void grow(std::size_t) override
    {
        position_ = buffer_;
        end_ = buffer_ + sizeof(buffer_);
    }

    bool refer(std::string_view text) override
    {
        referred += text.size();
        return true;
    }

    char buffer_[4096];
};

TEST_F(GenerateRequestTest, RefersToLongSlicesInsteadOfCopyingThem)
{
    std::string text(100000, 'x');
    std::string data(200000, 'A');
    say(text);
    Part &blob = request.contents.front().parts.push(arena);
    blob.kind = Part::Kind::inline_data;
    blob.inline_data = {"image/png", data};

    ReferringOutput out;
    write(request, out);
    EXPECT_EQ(out.referred, text.size() + data.size());
}

TEST_F(GenerateRequestTest, WeighsTextByItsScriptAndDensity)
{
    struct Case {
        const char *name;
        std::string text;
        std::int64_t tokens;        // by the rules of thumb of the source
    };

    std::string english;
    std::string chinese;
    std::string escaped;
    std::string base64;

    for (int i = 0; i < 100; ++i) {
        english += "The quick brown fox jumps over the lazy dog. ";
        chinese += "\xe4\xbd\xa0\xe5\xa5\xbd";
        escaped += "\\u4f60\\u597d";
        base64 += "aGVsbG8gd29ybGQh";
    }

    for (const Case &c : {Case{"English", english, 1125},
             Case{"Chinese", chinese, 138}, Case{"escaped", escaped, 138},
             Case{"digits", "1234567890", 10},
             Case{"base64", base64, 914}})
    {
        request = GenerateRequest{};
        say(c.text);
        double estimate = static_cast<double>(estimate_tokens(request)) - 1;
        EXPECT_NEAR(estimate, static_cast<double>(c.tokens),
            0.2 * static_cast<double>(c.tokens)) << c.name;
    }
}

TEST_F(GenerateRequestTest, CountsSystemTextToolsAndMedia)
{
    say("hi");
    std::int64_t before = estimate_tokens(request);

    request.system_instruction.push(arena).text = String("Be brief.");
    std::int64_t with_system = estimate_tokens(request);
    EXPECT_GT(with_system, before);

    FunctionDeclaration &function = request.tools.functions.push(arena);
    function.name = String("f");
    function.parameters_json_schema = Raw{R"({"type":"object"})",
        Type::object};
    std::int64_t with_tool = estimate_tokens(request);
    EXPECT_GT(with_tool, with_system + 10);

    Part &image = request.contents.front().parts.push(arena);
    image.kind = Part::Kind::inline_data;
    image.inline_data = {"image/png", "AAAA"};
    EXPECT_EQ(estimate_tokens(request), with_tool + 1120);
}

}
