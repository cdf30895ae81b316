// A client's request in, the upstream body out.
#include "core/translate/request.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>

namespace {

struct Outcome {
    std::string body;
    gw::Error error;
};

Outcome translate(const std::string &text, std::string_view model,
    const gw::gemini::SafetySetting *safety = nullptr,
    std::size_t safety_count = 0)
{
    gw::Arena arena(std::pmr::new_delete_resource());
    gw::openai::ChatRequest request;
    auto parsed = gw::openai::parse(text, arena, request);

    if (!parsed) {
        ADD_FAILURE() << parsed.error().message << " at "
                      << parsed.error().param;
        return {{}, parsed.error()};
    }

    gw::translate::RequestOptions options;
    options.model = model;
    options.safety = safety;
    options.safety_count = safety_count;

    gw::gemini::GenerateRequest out;
    auto done = gw::translate::to_generate_request(request, options, arena,
        out);

    if (!done) {
        return {{}, done.error()};
    }

    gw::StringOutput body;
    gw::gemini::write(out, body);
    return {body.take(), {}};
}

/// Of a conversation, by default with a family that takes everything.
std::string contents(const std::string &messages,
    std::string_view model = "gemini-2.5-flash")
{
    return translate(R"({"model":"m","messages":[)" + messages + "]}", model)
        .body;
}

/// What stands behind the contents of a plain request with these members.
std::string config(const std::string &members,
    std::string_view model = "gemini-2.5-flash")
{
    std::string body = translate(R"({"model":"m","messages":[{"role":"user",)"
        R"("content":"hi"}],)" + members + "}", model).body;
    const std::string before =
        R"({"contents":[{"role":"user","parts":[{"text":"hi"}]}])";

    EXPECT_EQ(body.substr(0, before.size()), before);
    body.erase(0, before.size());

    if (!body.empty() && body[0] == ',') {
        body.erase(0, 1);
    }

    if (!body.empty()) {
        body.pop_back();
    }

    return body;
}

/// The same of generationConfig alone.
std::string generation(const std::string &members,
    std::string_view model = "gemini-2.5-flash")
{
    std::string all = config(members, model);
    const std::string key = "\"generationConfig\":";

    return all.substr(0, key.size()) == key ? all.substr(key.size()) : all;
}

gw::Error refusal(const std::string &members, std::string_view model)
{
    Outcome outcome = translate(R"({"model":"m","messages":[{"role":"user",)"
        R"("content":"hi"}],)" + members + "}", model);
    EXPECT_EQ(outcome.body, "") << members;
    return outcome.error;
}

TEST(TranslateRequest, MergesRunsAndHoistsSystemTextsInOrder)
{
    EXPECT_EQ(contents(R"({"role":"system","content":"a"},
        {"role":"user","content":"1"},{"role":"user","content":"2"},
        {"role":"developer","content":[{"type":"text","text":"b"}]},
        {"role":"assistant","content":"3"},{"role":"assistant","content":"4"},
        {"role":"system","content":"c"},{"role":"user","content":"5"})"),
        R"({"systemInstruction":{"parts":[{"text":"a"},{"text":"b"},)"
        R"({"text":"c"}]},"contents":[)"
        R"({"role":"user","parts":[{"text":"1"},{"text":"2"}]},)"
        R"({"role":"model","parts":[{"text":"3"},{"text":"4"}]},)"
        R"({"role":"user","parts":[{"text":"5"}]}]})");
}

TEST(TranslateRequest, DropsWhatIsEmptyAndMergesAroundIt)
{
    EXPECT_EQ(contents(R"({"role":"system","content":""},
        {"role":"user","content":"1"},{"role":"assistant","content":""},
        {"role":"assistant","content":null},{"role":"assistant"},
        {"role":"user","content":[{"type":"text","text":""}]},
        {"role":"user","content":[]},{"role":"user","content":"2"})"),
        R"({"contents":[{"role":"user","parts":[{"text":"1"},)"
        R"({"text":"2"}]}]})");
}

TEST(TranslateRequest, LetsTheUserSpeakFirst)
{
    EXPECT_EQ(contents(R"({"role":"assistant","content":"hello"},
        {"role":"user","content":"hi"})"),
        R"({"contents":[{"role":"user","parts":[{"text":"."}]},)"
        R"({"role":"model","parts":[{"text":"hello"}]},)"
        R"({"role":"user","parts":[{"text":"hi"}]}]})");
}

TEST(TranslateRequest, EndsWithAUserTurnWhereTheFamilyWantsIt)
{
    const char *messages = R"({"role":"user","content":"hi"},
        {"role":"assistant","content":"Once"})";

    EXPECT_EQ(contents(messages, "gemini-2.5-pro"),
        R"({"contents":[{"role":"user","parts":[{"text":"hi"}]},)"
        R"({"role":"model","parts":[{"text":"Once"}]}]})");

    for (const char *model : {"gemini-3.8-flash", "gemini-4-argon",
             "gemini-9-unheard-of"})
    {
        EXPECT_EQ(contents(messages, model),
            R"({"contents":[{"role":"user","parts":[{"text":"hi"}]},)"
            R"({"role":"model","parts":[{"text":"Once"}]},)"
            R"({"role":"user","parts":[{"text":"Continue."}]}]})") << model;
    }
}

TEST(TranslateRequest, AsksTheSystemTextWhenThereIsNothingElse)
{
    EXPECT_EQ(contents(R"({"role":"system","content":"Tell a joke."})"),
        R"({"contents":[{"role":"user","parts":[{"text":"Tell a joke."}]}]})");
    EXPECT_EQ(contents(R"({"role":"user","content":""})"),
        R"({"contents":[{"role":"user","parts":[{"text":"."}]}]})");
}

TEST(TranslateRequest, GivesSystemTextToTheUserWhereThereIsNoInstruction)
{
    EXPECT_EQ(contents(R"({"role":"user","content":"hi"},
        {"role":"system","content":"s"})", "gemma-3-27b-it"),
        R"({"contents":[{"role":"user","parts":[{"text":"s"},)"
        R"({"text":"hi"}]}]})");
    EXPECT_EQ(contents(R"({"role":"system","content":"s"},
        {"role":"assistant","content":"a"},{"role":"user","content":"u"})",
        "gemma-3-27b-it"),
        R"({"contents":[{"role":"user","parts":[{"text":"s"}]},)"
        R"({"role":"model","parts":[{"text":"a"}]},)"
        R"({"role":"user","parts":[{"text":"u"}]}]})");
}

TEST(TranslateRequest, KeepsRefusalsAndTextsAsTheyWereEscaped)
{
    EXPECT_EQ(contents(R"({"role":"user","content":"a\u00e9\"\n\/"},
        {"role":"assistant","content":null,"refusal":"no"},
        {"role":"user","content":"\ud83d\ude00 \ud800"})"),
        R"({"contents":[{"role":"user","parts":[{"text":"a\u00e9\"\n\/"}]},)"
        R"({"role":"model","parts":[{"text":"no"}]},)"
        R"({"role":"user","parts":[{"text":"\ud83d\ude00 \ufffd"}]}]})");
}

TEST(TranslateRequest, GivesAnAnswersSignatureBackWhereItCounts)
{
    const char *messages = R"({"role":"user","content":"hi"},
        {"role":"assistant","content":"a","extra_content":{"google":
        {"thought_signature":"U2ln"}}},{"role":"user","content":"go on"})";

    EXPECT_NE(contents(messages, "gemini-3-pro-preview").find(
        R"({"text":"a","thoughtSignature":"U2ln"})"), std::string::npos);
    EXPECT_EQ(contents(messages, "gemini-2.5-pro").find("thoughtSignature"),
        std::string::npos);
}

TEST(TranslateRequest, RefusesMediaInSystemMessages)
{
    EXPECT_EQ(translate(R"({"model":"m","messages":[{"role":"system",
        "content":[{"type":"text","text":"a"},{"type":"image_url",
        "image_url":{"url":"https://x/a.png"}}]}]})", "gemini-2.5-pro")
        .error.param, "messages[0].content[1].type");
}

TEST(TranslateRequest, SendsSamplingAsTheClientWroteIt)
{
    EXPECT_EQ(generation(R"("temperature":0,"top_p":0,"top_k":40)"),
        R"({"temperature":0,"topP":0,"topK":40})");
    EXPECT_EQ(generation(R"("temperature":0.70,"top_k":-1)"),
        R"({"temperature":0.70})");
    EXPECT_EQ(generation(R"("temperature":0,"top_p":1,"top_k":3)",
        "gemini-3.8-flash"), "");
}

TEST(TranslateRequest, SendsPenaltiesOnlyWhereTheyAreTaken)
{
    const char *some = R"("presence_penalty":0.5,"frequency_penalty":2)";

    EXPECT_EQ(generation(some), "");
    EXPECT_EQ(generation(some, "gemini-1.5-pro"),
        R"({"presencePenalty":0.5,"frequencyPenalty":1.99})");
    EXPECT_EQ(generation(R"("presence_penalty":0,"frequency_penalty":0.0)",
        "gemini-1.5-pro"), "");
}

TEST(TranslateRequest, FoldsSeedsTo32Bits)
{
    EXPECT_EQ(generation(R"("seed":0)"), R"({"seed":0})");
    EXPECT_EQ(generation(R"("seed":-5)"), R"({"seed":-5})");
    EXPECT_EQ(generation(R"("seed":2147483648)"), R"({"seed":0})");
    EXPECT_EQ(generation(R"("seed":4294967303)"), R"({"seed":7})");

    // Beyond 64 bits the same digits give the same seed, and it fits.
    std::string first = generation(R"("seed":99999999999999999999999)");
    EXPECT_EQ(first, generation(R"("seed":99999999999999999999999)"));
    EXPECT_LE(first.size(), std::string(R"({"seed":2147483647})").size());
    EXPECT_EQ(first.find('-'), std::string::npos);
}

TEST(TranslateRequest, ClampsMaxTokensToWhatTheModelCanWrite)
{
    EXPECT_EQ(generation(R"("max_tokens":1)"), R"({"maxOutputTokens":1})");
    EXPECT_EQ(generation(R"("max_tokens":9,"max_completion_tokens":8)"),
        R"({"maxOutputTokens":8})");
    EXPECT_EQ(generation(R"("max_tokens":200000)"),
        R"({"maxOutputTokens":65536})");
    EXPECT_EQ(generation(R"("max_tokens":200000)", "gemini-2.0-flash"),
        R"({"maxOutputTokens":8192})");
    EXPECT_EQ(generation(R"("max_tokens":200000)", "gemini-4-argon"),
        R"({"maxOutputTokens":32768})");
    EXPECT_EQ(generation(R"("max_tokens":200000,"stream":true)",
        "gemini-4-argon"), R"({"maxOutputTokens":65536})");
}

TEST(TranslateRequest, GivesSeveralChoicesOnlyWhereTheFamilyDoes)
{
    EXPECT_EQ(generation(R"("n":1)"), "");
    EXPECT_EQ(generation(R"("n":3)"), R"({"candidateCount":3})");
    EXPECT_EQ(refusal(R"("n":2)", "gemini-3.8-flash").param, "n");
}

TEST(TranslateRequest, SendsStopsWithoutEmptyOnes)
{
    EXPECT_EQ(generation(R"("stop":"x")"), R"({"stopSequences":["x"]})");
    EXPECT_EQ(generation(R"("stop":["","a","\n"])"),
        R"({"stopSequences":["a","\n"]})");
    EXPECT_EQ(generation(R"("stop":[])"), "");
    EXPECT_EQ(generation(R"("stop":[""])"), "");
}

TEST(TranslateRequest, AsksForLogprobs)
{
    EXPECT_EQ(generation(R"("logprobs":true,"top_logprobs":4)"),
        R"({"responseLogprobs":true,"logprobs":4})");
    EXPECT_EQ(generation(R"("logprobs":true,"top_logprobs":0)"),
        R"({"responseLogprobs":true})");
    EXPECT_EQ(generation(R"("logprobs":false)"), "");
}

TEST(TranslateRequest, AsksForTheAnswersForm)
{
    EXPECT_EQ(generation(R"("response_format":{"type":"text"})"), "");
    EXPECT_EQ(generation(R"("response_format":{"type":"json_object"})"),
        R"({"responseMimeType":"application/json"})");
    EXPECT_EQ(generation(R"("response_format":{"type":"json_schema"})"),
        R"({"responseMimeType":"application/json"})");
    EXPECT_EQ(generation(R"("response_format":{"type":"json_schema",
        "json_schema":{"name":"x","strict":true,"schema":{ "type":"object",
        "title":"T" }}})"),
        R"({"responseMimeType":"application/json",)"
        R"("responseJsonSchema":{"type":"object","title":"T"}})");
    EXPECT_EQ(refusal(R"("response_format":{"type":"yaml"})", "m").param,
        "response_format.type");
    EXPECT_EQ(refusal(R"("response_format":{})", "m").param,
        "response_format.type");
    EXPECT_EQ(refusal(R"("response_format":{"type":"json_schema",
        "json_schema":{"schema":"x"}})", "m").param,
        "response_format.json_schema.schema");
}

TEST(TranslateRequest, AsksForModalities)
{
    EXPECT_EQ(generation(R"("modalities":["text"])"), "");
    EXPECT_EQ(generation(R"("modalities":["text","image"])"),
        R"({"responseModalities":["TEXT","IMAGE"]})");
    EXPECT_EQ(refusal(R"("modalities":["smell"])", "m").param, "modalities");
}

TEST(TranslateRequest, PutsEveryEffortAsTheFamilyWantsIt)
{
    struct Case {
        const char *model;
        // none, minimal, low, medium, high, xhigh, max
        const char *expected[7];
    };

    const char *efforts[] = {"none", "minimal", "low", "medium", "high",
        "xhigh", "max"};

    const Case cases[] = {
        {"gemini-2.0-flash", {"", "", "", "", "", "", ""}},
        {"gemma-3-27b-it", {"", "", "", "", "", "", ""}},
        {"gemini-2.5-pro", {"128", "1024", "1024", "8192", "24576", "32768",
            "32768"}},
        {"gemini-2.5-flash", {"0", "1024", "1024", "8192", "24576", "24576",
            "24576"}},
        {"gemini-2.5-flash-lite", {"0", "1024", "1024", "8192", "24576",
            "24576", "24576"}},
        {"gemini-3-pro-preview", {"LOW", "LOW", "LOW", "HIGH", "HIGH",
            "HIGH", "HIGH"}},
        {"gemini-3.1-pro-preview", {"LOW", "LOW", "LOW", "MEDIUM", "HIGH",
            "HIGH", "HIGH"}},
        {"gemini-3-flash-preview", {"MINIMAL", "MINIMAL", "LOW", "MEDIUM",
            "HIGH", "HIGH", "HIGH"}},
        {"gemini-3.8-flash", {"LOW", "LOW", "LOW", "MEDIUM", "HIGH", "HIGH",
            "HIGH"}},
        {"gemini-4-argon", {"LOW", "LOW", "LOW", "MEDIUM", "HIGH", "HIGH",
            "HIGH"}},
        {"gemma-4-31b-it", {"MINIMAL", "MINIMAL", "HIGH", "HIGH", "HIGH",
            "HIGH", "HIGH"}}
    };

    for (const Case &c : cases) {
        for (std::size_t i = 0; i < 7; ++i) {
            std::string value = c.expected[i];
            std::string expected;

            if (!value.empty()) {
                expected = R"({"thinkingConfig":{)";
                expected += value[0] >= '0' && value[0] <= '9'
                    ? "\"thinkingBudget\":" + value
                    : "\"thinkingLevel\":\"" + value + "\"";
                expected += "}}";
            }

            std::string effort = std::string("\"") + efforts[i] + "\"";
            EXPECT_EQ(generation("\"reasoning_effort\":" + effort, c.model),
                expected) << c.model << " " << effort;
            EXPECT_EQ(generation("\"reasoning_effort\":{\"effort\":" + effort
                + "}", c.model), expected);
            EXPECT_EQ(generation("\"reasoning\":{\"effort\":" + effort + "}",
                c.model), expected);
        }
    }

    EXPECT_EQ(generation("\"verbosity\":\"low\"", "gemini-3.8-flash"), "");
    EXPECT_EQ(refusal(R"("reasoning_effort":"huge")", "gemini-3.8-flash")
        .param, "reasoning_effort");
    EXPECT_EQ(refusal(R"("reasoning_effort":"huge")", "gemini-2.0-flash")
        .param, "reasoning_effort");
}

TEST(TranslateRequest, TakesThinkingInEveryVendorsWords)
{
    struct Case {
        const char *members;
        const char *flash25;
        const char *flash38;
    };

    const Case cases[] = {
        {R"("google":{"thinking_config":{"thinking_budget":2000}})",
            R"("thinkingBudget":2000)", R"("thinkingLevel":"MEDIUM")"},
        {R"("google":{"thinking_config":{"thinking_budget":99999}})",
            R"("thinkingBudget":24576)", R"("thinkingLevel":"HIGH")"},
        {R"("google":{"thinking_config":{"thinking_level":"HIGH"}})",
            R"("thinkingBudget":24576)", R"("thinkingLevel":"HIGH")"},
        // Both at once would be an error upstream.
        {R"("google":{"thinking_config":{"thinking_level":"low",
            "thinking_budget":5000}})",
            R"("thinkingBudget":1024)", R"("thinkingLevel":"LOW")"},
        // Google's own words come first.
        {R"("google":{"thinking_config":{"thinking_budget":0}},
            "reasoning_effort":"high")",
            R"("thinkingBudget":0)", R"("thinkingLevel":"LOW")"},
        {R"("extra_body":{"google":{"thinking_config":
            {"include_thoughts":true}}},"reasoning_effort":"low")",
            R"("thinkingBudget":1024,"includeThoughts":true)",
            R"("thinkingLevel":"LOW","includeThoughts":true)"},
        {R"("reasoning":{"max_tokens":600,"exclude":false})",
            R"("thinkingBudget":600,"includeThoughts":true)",
            R"("thinkingLevel":"LOW","includeThoughts":true)"},
        {R"("reasoning":{"enabled":false})",
            R"("thinkingBudget":0)", R"("thinkingLevel":"LOW")"},
        {R"("thinking":{"type":"enabled","budget_tokens":9000})",
            R"("thinkingBudget":9000)", R"("thinkingLevel":"HIGH")"},
        {R"("thinking":{"type":"disabled"})",
            R"("thinkingBudget":0)", R"("thinkingLevel":"LOW")"}
    };

    for (const Case &c : cases) {
        EXPECT_EQ(generation(c.members), std::string(
            R"({"thinkingConfig":{)") + c.flash25 + "}}") << c.members;
        EXPECT_EQ(generation(c.members, "gemini-3.8-flash"), std::string(
            R"({"thinkingConfig":{)") + c.flash38 + "}}") << c.members;
        EXPECT_EQ(generation(c.members, "gemini-2.0-flash"), "");
    }

    // A dynamic budget is what families with levels do anyway.
    const char *dynamic =
        R"("google":{"thinking_config":{"thinking_budget":-1}})";
    EXPECT_EQ(generation(dynamic),
        R"({"thinkingConfig":{"thinkingBudget":-1}})");
    EXPECT_EQ(generation(dynamic, "gemini-4-argon"), "");
}

TEST(TranslateRequest, SendsTheOperatorsSafetyUnlessTheClientHasItsOwn)
{
    const gw::gemini::SafetySetting safety[] = {
        {"HARM_CATEGORY_HARASSMENT", "OFF"}
    };
    const std::string begin =
        R"({"model":"m","messages":[{"role":"user","content":"hi"}])";

    EXPECT_NE(translate(begin + "}", "gemini-2.5-pro", safety, 1).body.find(
        R"("safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT",)"
        R"("threshold":"OFF"}])"), std::string::npos);
    EXPECT_NE(translate(begin + R"(,"google":{"safety_settings":[{"x":1}]}})",
        "gemini-2.5-pro", safety, 1).body.find(
        R"("safetySettings":[{"x":1}])"), std::string::npos);
    EXPECT_EQ(refusal(R"("google":{"safety_settings":{}})", "m").param,
        "google.safety_settings");
}

TEST(TranslateRequest, MapsServiceTiers)
{
    EXPECT_EQ(config(R"("service_tier":"flex")"), R"("serviceTier":"flex")");
    EXPECT_EQ(config(R"("service_tier":"fast")"),
        R"("serviceTier":"priority")");
    EXPECT_EQ(config(R"("service_tier":"auto")"), "");
    EXPECT_EQ(config(R"("service_tier":"sometime")"), "");
}

TEST(TranslateRequest, SearchesWhereAskedAndPossible)
{
    EXPECT_EQ(config(R"("web_search_options":{"search_context_size":"low"})"),
        R"("tools":[{"googleSearch":{}}])");
    EXPECT_EQ(config(R"("web_search_options":{},
        "response_format":{"type":"json_object"})"),
        R"("generationConfig":{"responseMimeType":"application/json"})");
}

TEST(TranslateRequest, SendsNoSystemTextBesideACache)
{
    EXPECT_EQ(translate(R"({"model":"m","messages":[
        {"role":"system","content":"s"},{"role":"user","content":"hi"}],
        "google":{"cached_content":"cachedContents/x"}})", "gemini-2.5-pro")
        .body,
        R"({"contents":[{"role":"user","parts":[{"text":"hi"}]}],)"
        R"("cachedContent":"cachedContents/x"})");
}

}
