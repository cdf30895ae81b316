// Tools, choices, calls and their results: a client's request in, the
// upstream body out.
#include "core/translate/request.hpp"

#include "core/translate/messages.hpp"
#include "core/translate/names.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory_resource>
#include <string>

namespace {

constexpr const char *old_model = "gemini-2.5-flash";
constexpr const char *new_model = "gemini-3.8-flash";

struct Outcome {
    std::string body;
    gw::Error error;
};

class Signatures final : public gw::translate::SignatureSource {
public:
    std::string_view find(std::string_view call_id) override
    {
        auto found = known.find(std::string(call_id));

        return found == known.end() ? std::string_view()
                                    : std::string_view(found->second);
    }

    std::map<std::string, std::string> known;
};

Outcome translate(const std::string &text, std::string_view model,
    gw::translate::SignatureSource *signatures = nullptr,
    gw::gemini::Api api = gw::gemini::Api::gemini)
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
    options.signatures = signatures;
    options.api = api;

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

/// What stands behind the contents of a plain request with these members.
std::string config(const std::string &members, std::string_view model)
{
    std::string body = translate(R"({"model":"m","messages":[{"role":"user",)"
        R"("content":"hi"}],)" + members + "}", model).body;
    const std::string before =
        R"({"contents":[{"role":"user","parts":[{"text":"hi"}]}],)";

    EXPECT_EQ(body.substr(0, before.size()), before);

    return body.size() > before.size()
        ? body.substr(before.size(), body.size() - before.size() - 1) : "";
}

std::string refused_param(const std::string &members)
{
    return translate(R"({"model":"m","messages":[{"role":"user",)"
        R"("content":"hi"}],)" + members + "}", new_model).error.param;
}

/// The contents behind a first turn of the user's.
std::string turns(const std::string &messages,
    std::string_view model = old_model,
    gw::translate::SignatureSource *signatures = nullptr)
{
    Outcome outcome = translate(
        R"({"model":"m","messages":[{"role":"user","content":"hi"},)"
        + messages + "]}", model, signatures);
    const std::string before =
        R"({"contents":[{"role":"user","parts":[{"text":"hi"}]},)";

    if (outcome.body.empty()) {
        return outcome.error.param;
    }

    EXPECT_EQ(outcome.body.substr(0, before.size()), before);

    return outcome.body.substr(before.size(),
        outcome.body.size() - before.size() - 2);
}

const std::string f = R"({"type":"function","function":{"name":"f"}})";
const std::string g = R"({"type":"function","function":{"name":"g"}})";
const std::string f_declared = R"({"name":"f","description":""})";
const std::string g_declared = R"({"name":"g","description":""})";

std::string declared(const std::string &functions)
{
    return R"("tools":[{"functionDeclarations":[)" + functions + "]}]";
}

std::string calling(const std::string &rest)
{
    return R"("toolConfig":{"functionCallingConfig":{"mode":)" + rest + "}}";
}

TEST(TranslateTools, PutsEveryFunctionIntoOneTool)
{
    EXPECT_EQ(config(R"("tools":[{"type":"function","function":{"name":"a b",
        "description":"d","strict":true,"x":1,"parameters":{"type":"object",
        "properties":{"p":{"const":1}}}},"cache_control":{}},)" + f
        + R"(],"functions":[{"name":"g","parameters":{}}])", new_model),
        declared(R"({"name":"a_b","description":"d","parametersJsonSchema":)"
            R"({"type":"object","properties":{"p":{"enum":[1]}}}},)"
            + f_declared + ',' + g_declared));
    EXPECT_EQ(config(R"("tools":[{"type":"function","function":{"name":"f",
        "parameters":{"type":"object","properties":{"p":{"type":"string"}}}}}
        ])", "gemini-1.5-pro"),
        declared(R"({"name":"f","description":"","parameters":{)"
            R"("type":"OBJECT","properties":{"p":{"type":"STRING"}},)"
            R"("propertyOrdering":["p"]}})"));
    EXPECT_EQ(config(R"("tools":[],"temperature":1)", old_model),
        R"("generationConfig":{"temperature":1})");
}

TEST(TranslateTools, RefusesWhatUpstreamHasNothingLike)
{
    EXPECT_EQ(refused_param(R"("tools":[)" + f + ',' + f + "]"),
        "tools[1].function.name");
    EXPECT_EQ(refused_param(R"("tools":[{"type":"custom","custom":{}}])"),
        "tools[0].type");
    EXPECT_EQ(refused_param(R"("tools":[)" + f + R"(,{"type":"mcp"}])"),
        "tools[1].type");
    EXPECT_EQ(refused_param(R"("tools":[{}])"), "tools[0].type");
    EXPECT_EQ(refused_param(R"("tools":[{"type":"function"}])"),
        "tools[0].function.name");
    EXPECT_EQ(refused_param(R"("functions":[{"name":"f","parameters":3}])"),
        "functions[0].parameters");
    EXPECT_EQ(refused_param(R"("functions":[{"name":"f","parameters":{"x":")"
        + std::string(gw::translate::max_function_name * 8192, 'x')
        + R"("}}])"), "functions[0].parameters");
}

TEST(TranslateTools, OffersUpstreamsOwnByEveryName)
{
    for (const char *tool : {R"({"google_search":{}})",
             R"({"googleSearch":{}})", R"({"type":"web_search"})",
             R"({"type":"web_search_preview","search_context_size":"low"})",
             R"({"type":"function","function":{"name":"googleSearch"}})"})
    {
        EXPECT_EQ(config(std::string(R"("tools":[)") + tool + "]", old_model),
            R"("tools":[{"googleSearch":{}}])") << tool;
    }

    EXPECT_EQ(config(R"("web_search_options":{},"tools":[{"type":
        "code_interpreter"},{"google_search":{}}],"google":{"tools":
        [{"url_context":{}},{"fileSearch":{"x":1}}]})", old_model),
        R"("tools":[{"codeExecution":{}},{"googleSearch":{}},)"
        R"({"urlContext":{}},{"fileSearch":{"x":1}}])");
}

TEST(TranslateTools, MapsEveryFormOfAChoice)
{
    struct Case {
        const char *choice;
        const char *config;
    };

    for (const Case &c : {Case{R"("auto")", ""}, Case{R"({"type":"auto"})", ""},
             Case{R"({"type":"web_search_preview"})", ""},
             Case{R"("none")", R"("NONE")"},
             Case{R"("required")", R"("ANY")"}, Case{R"("any")", R"("ANY")"},
             Case{R"({"type":"any"})", R"("ANY")"},
             Case{R"({"type":"function","function":{"name":"f"}})",
                 R"("ANY","allowedFunctionNames":["f"])"},
             Case{R"({"type":"tool","name":"f"})",
                 R"("ANY","allowedFunctionNames":["f"])"},
             Case{R"({"type":"allowed_tools","allowed_tools":{"mode":"auto",
                "tools":[{"type":"function","function":{"name":"f"}}]}})",
                 R"("VALIDATED","allowedFunctionNames":["f"])"},
             Case{R"({"type":"allowed_tools","allowed_tools":{"mode":
                "required","tools":[{"type":"function","name":"f"}]}})",
                 R"("ANY","allowedFunctionNames":["f"])"}})
    {
        std::string expected = declared(f_declared + ',' + g_declared);

        if (*c.config != '\0') {
            expected += ',' + calling(c.config);
        }

        EXPECT_EQ(config(R"("tools":[)" + f + ',' + g + R"(],"tool_choice":)"
            + c.choice, new_model), expected) << c.choice;
    }

    EXPECT_EQ(config(R"("tools":[)" + f + ',' + g + R"(],"tool_choice":
        {"type":"allowed_tools","allowed_tools":{"tools":[{"name":"g"}]}})",
        old_model), declared(g_declared));
    EXPECT_EQ(config(R"("functions":[{"name":"f"}],
        "function_call":{"name":"f"})", old_model),
        declared(f_declared) + ','
            + calling(R"("ANY","allowedFunctionNames":["f"])"));
    EXPECT_EQ(config(R"("functions":[{"name":"f"}],"function_call":"none",
        "temperature":1)", old_model),
        declared(f_declared) + ',' + calling(R"("NONE")")
            + R"(,"generationConfig":{"temperature":1})");
    EXPECT_EQ(config(R"("tool_choice":"required","temperature":1)",
        old_model), R"("generationConfig":{"temperature":1})");
}

TEST(TranslateTools, RefusesAChoiceOfWhatIsNotThere)
{
    const std::string tools = R"("tools":[)" + f + R"(],"tool_choice":)";

    EXPECT_EQ(refused_param(tools + R"("sometimes")"), "tool_choice");
    EXPECT_EQ(refused_param(tools + R"({"type":"function","function":
        {"name":"h"}})"), "tool_choice");
    EXPECT_EQ(refused_param(tools + R"({"type":"function"})"),
        "tool_choice.function.name");
    EXPECT_EQ(refused_param(tools + R"({"type":"custom"})"),
        "tool_choice.type");
    EXPECT_EQ(refused_param(tools + R"({"type":"allowed_tools",
        "allowed_tools":{"mode":"often"}})"),
        "tool_choice.allowed_tools.mode");
    EXPECT_EQ(refused_param(tools + R"({"type":"allowed_tools",
        "allowed_tools":{"tools":[{"name":"h"}]}})"), "tool_choice");
}

TEST(TranslateTools, CombinesWhatTheFamilyTakesTogether)
{
    const std::string search = R"({"google_search":{}})";
    const std::string json = R"("response_format":{"type":"json_object"})";
    const std::string asked =
        R"("generationConfig":{"responseMimeType":"application/json"})";
    const std::string all = R"("tools":[)" + f + ',' + search + "]," + json;
    const std::string both = R"("tools":[{"functionDeclarations":[)"
        + f_declared + R"(]},{"googleSearch":{}}])";

    EXPECT_EQ(config(all, old_model), declared(f_declared));
    EXPECT_EQ(config(all, new_model), both + R"(,"toolConfig":{)"
        R"("functionCallingConfig":{"mode":"VALIDATED"},)"
        R"("includeServerSideToolInvocations":true},)" + asked);
    EXPECT_EQ(config(all + R"(,"tool_choice":"none")", old_model), asked);
    EXPECT_EQ(config(all + R"(,"tool_choice":"none")", new_model),
        R"("tools":[{"googleSearch":{}}],)" + asked);
    EXPECT_EQ(config(all + R"(,"tool_choice":"required")", new_model),
        declared(f_declared) + ',' + calling(R"("ANY")") + ',' + asked);
}

TEST(TranslateTools, GivesResultsInTheOrderOfTheCalls)
{
    const std::string calls = R"({"role":"assistant","content":"t",
        "tool_calls":[{"id":"1","function":{"name":"f","arguments":""}},
        {"id":"2","function":{"name":"g","arguments":"{\"a\":1}"}}]})";
    const std::string model = R"({"role":"model","parts":[{"text":"t"},)"
        R"({"functionCall":{"name":"f","args":{}}},)"
        R"({"functionCall":{"name":"g","args":{"a":1}}}]},)";
    auto results = [&](const char *one, const char *two,
        const std::string &rest) {
        return model + R"({"role":"user","parts":[{"functionResponse":)"
            R"({"name":"f","response":)" + one + R"(}},{"functionResponse":)"
            R"({"name":"g","response":)" + two + "}}" + rest + "]}";
    };
    auto tool = [](const char *id, const char *content) {
        return std::string(R"(,{"role":"tool","tool_call_id":")") + id
            + R"(","content":)" + content + "}";
    };
    const std::string user = R"(,{"role":"user","content":"u"})";
    const char *none = R"({"error":"no result"})";

    EXPECT_EQ(turns(calls + tool("2", R"("b")")
            + tool("1", R"("{\"x\": 1}")")),
        results(R"({"x": 1})", R"({"output":"b"})", ""));
    EXPECT_EQ(turns(calls + tool("2", R"("b")") + user + tool("1", "null")),
        results(R"({"output":""})", R"({"output":"b"})",
            R"(,{"text":"u"})"));
    EXPECT_EQ(turns(calls), results(none, none, ""));
    EXPECT_EQ(turns(calls + user), results(none, none, R"(,{"text":"u"})"));
    EXPECT_EQ(turns(calls + tool("1", R"("a")") + tool("1", R"("c")")),
        results(R"({"output":"c"})", none, ""));
    EXPECT_EQ(turns(calls + R"(,{"role":"tool","name":"g","content":"n"},
        {"role":"tool","content":"m"})"),
        results(R"({"output":"m"})", R"({"output":"n"})", ""));
    // A result that comes when the model has gone on.
    EXPECT_EQ(turns(calls + tool("1", R"("a")")
            + R"(,{"role":"assistant","content":"k"})" + tool("2", R"("l")")),
        results(R"({"output":"a"})", R"({"output":"l"})", "")
            + R"(,{"role":"model","parts":[{"text":"k"}]})");
    EXPECT_EQ(turns(calls + tool("9", R"("a")")), "messages[2].role");
}

TEST(TranslateTools, PairsCallsOfOneIdInTheirOrder)
{
    const std::string twice = R"({"role":"assistant","tool_calls":[
        {"id":"x","function":{"name":"f"}},
        {"id":"x","function":{"name":"f"}}]},
        {"role":"tool","tool_call_id":"x","content":"1"},
        {"role":"tool","tool_call_id":"x","content":"2"})";
    auto response = [](const char *output) {
        return std::string(R"({"functionResponse":{"name":"f","response":)"
            R"({"output":")") + output + R"("}}})";
    };
    const std::string call = R"({"functionCall":{"name":"f","args":{}}})";

    EXPECT_EQ(turns(twice + R"(,{"role":"assistant","tool_calls":[
        {"id":"x","function":{"name":"f"}}]},
        {"role":"tool","tool_call_id":"x","content":"3"})"),
        R"({"role":"model","parts":[)" + call + ',' + call
        + R"(]},{"role":"user","parts":[)" + response("1") + ','
        + response("2") + R"(]},{"role":"model","parts":[)" + call
        + R"(]},{"role":"user","parts":[)" + response("3") + "]}");
}

TEST(TranslateTools, RefusesResultsOfNothing)
{
    EXPECT_EQ(turns(R"({"role":"tool","tool_call_id":"c","content":"y"})"),
        "messages[1].role");
    EXPECT_EQ(turns(R"({"role":"function","name":"f","content":"y"})"),
        "messages[1].role");
    EXPECT_EQ(turns(R"({"role":"assistant","function_call":{"name":"f"}},
        {"role":"function","name":"f","content":"y"},
        {"role":"assistant","content":"z"},
        {"role":"function","name":"f","content":"y"})"), "messages[4].role");
    EXPECT_EQ(turns(R"({"role":"assistant","tool_calls":[{"id":"1"}]})"),
        "messages[1].tool_calls[0].function.name");
}

TEST(TranslateTools, MakesObjectsOfAnyArguments)
{
    struct Case {
        const char *given;
        const char *expected;
    };

    for (const Case &c : {Case{R"("")", "{}"}, Case{R"("null")", "{}"},
             Case{R"("[]")", "{}"}, Case{"null", "{}"}, Case{"[]", "{}"},
             Case{R"("{\"a\": [1]}")", R"({"a": [1]})"},
             Case{R"({"a":1})", R"({"a":1})"},
             Case{R"("5")", R"({"value":5})"},
             Case{R"("[1]")", R"({"value":[1]})"},
             Case{"7", R"({"value":7})"},
             Case{R"("{\"a\":")", R"({"_raw":"{\"a\":"})"},
             Case{R"("x")", R"({"_raw":"x"})"},
             Case{R"("1},\"b\":{}")", R"({"_raw":"1},\"b\":{}"})"},
             Case{R"("{\"a\":\"\\ud800\"}")", R"({"a":"\ufffd"})"},
             Case{R"("{\"a\":\"\\ud83d\\ude00\"}")",
                 R"({"a":"\ud83d\ude00"})"}})
    {
        std::string all = turns(std::string(R"({"role":"assistant",
            "tool_calls":[{"id":"1","function":{"name":"f","arguments":)")
            + c.given + "}}]}");
        const std::string before =
            R"({"role":"model","parts":[{"functionCall":{"name":"f","args":)";

        ASSERT_EQ(all.substr(0, before.size()), before);
        EXPECT_EQ(all.substr(before.size(), all.find("}}]},{\"role\"")
            - before.size()), c.expected) << c.given;
    }
}

TEST(TranslateTools, ShowsTheImagesOfAResult)
{
    const std::string messages = R"({"role":"assistant","tool_calls":[
        {"id":"1","function":{"name":"f"}}]},{"role":"tool",
        "tool_call_id":"1","content":[{"type":"text","text":"a"},
        {"type":"image_url",
        "image_url":{"url":"data:image/png;base64,iVBORw0K"}},
        {"type":"text","text":"b"}]})";
    const std::string image =
        R"({"inlineData":{"mimeType":"image/png","data":"iVBORw0K"}})";
    const std::string response = R"("response":{"output":"a\nb"})";

    EXPECT_NE(turns(messages, new_model).find(response + R"(,"parts":[)"
        + image + "]}}]}"), std::string::npos);
    EXPECT_NE(turns(messages, old_model).find(response + "}}," + image),
        std::string::npos);
}

TEST(TranslateTools, SendsIdsOnBothSidesOrOnNeither)
{
    const std::string messages = R"({"role":"assistant","tool_calls":[
        {"id":"1","function":{"name":"a b"}},{"function":{"name":"g"}}]},
        {"role":"tool","tool_call_id":"1","content":"x"},
        {"role":"tool","content":"y"})";

    EXPECT_EQ(turns(messages, new_model), R"({"role":"model","parts":[)"
        R"({"functionCall":{"id":"1","name":"a_b","args":{}},)"
        R"("thoughtSignature":"skip_thought_signature_validator"},)"
        R"({"functionCall":{"name":"g","args":{}}}]},{"role":"user","parts":[)"
        R"({"functionResponse":{"id":"1","name":"a_b",)"
        R"("response":{"output":"x"}}},{"functionResponse":{"name":"g",)"
        R"("response":{"output":"y"}}}]})");
    EXPECT_EQ(turns(messages, old_model).find("\"id\""), std::string::npos);
}

/// The signature of the first call in the last turn of calls.
std::string signature_of(const std::string &call,
    const std::string &message = {},
    gw::translate::SignatureSource *source = nullptr)
{
    std::string all = turns(R"({"role":"assistant")" + message
        + R"(,"tool_calls":[{"function":{"name":"f"},)" + call + "}]}",
        new_model, source);
    const std::string key = R"("thoughtSignature":")";
    std::size_t at = all.find(key);

    if (at == std::string::npos) {
        return "";
    }

    at += key.size();
    return all.substr(at, all.find('"', at) - at);
}

TEST(TranslateTools, TakesASignatureFromEveryCarrier)
{
    for (const char *call : {
             R"("extra_content":{"google":{"thought_signature":"Zm9v"}})",
             R"("provider_specific_fields":{"thought_signature":"Zm9v"})",
             R"("thought_signature":"Zm9v")",
             R"("id":"c__thought__Zm9v")"})
    {
        EXPECT_EQ(signature_of(call), "Zm9v") << call;
    }

    EXPECT_EQ(signature_of(R"("id":"c")",
        R"(,"reasoning_details":[{"data":"Zm9v"}])"), "Zm9v");
    EXPECT_EQ(signature_of(R"("id":"c")",
        R"(,"thinking_blocks":[{"signature":"Zm-_"}])"), "Zm-_");
    EXPECT_EQ(signature_of(R"("thought_signature":"Zm9v\/A=")"),
        R"(Zm9v\/A=)");
}

TEST(TranslateTools, LooksForALostSignatureAndAtLastSkipsIt)
{
    Signatures source;
    source.known["c"] = "c3RvcmVk";

    EXPECT_EQ(signature_of(R"("id":"c")", "", &source), "c3RvcmVk");
    EXPECT_EQ(signature_of(R"("id":"c","thought_signature":"b3du")", "",
        &source), "b3du");
    EXPECT_EQ(signature_of(R"("id":"c","thought_signature":"no good!")", "",
        &source), "c3RvcmVk");
    EXPECT_EQ(signature_of(R"("id":"d")", "", &source),
        gw::translate::skip_signature);
    EXPECT_EQ(signature_of(R"("id":"d","thought_signature":"no good!")"),
        gw::translate::skip_signature);
}

TEST(TranslateTools, SkipsOnlyWhereASignatureIsDemanded)
{
    const std::string call = R"({"role":"assistant","tool_calls":[
        {"id":"1","function":{"name":"f"}},
        {"id":"2","function":{"name":"f"}}]},)";
    const std::string results = R"({"role":"tool","tool_call_id":"1",
        "content":"x"},{"role":"tool","tool_call_id":"2","content":"y"})";
    const std::string skip(gw::translate::skip_signature);
    auto count = [&](const std::string &text) {
        std::size_t found = 0;

        for (std::size_t at = 0;
             (at = text.find(skip, at)) != std::string::npos; ++at)
        {
            ++found;
        }

        return found;
    };

    EXPECT_EQ(count(turns(call + results + ',' + call + results, new_model)),
        2u);
    EXPECT_EQ(count(turns(call + results + R"(,{"role":"assistant",
        "content":"ok"},{"role":"user","content":"more"},)" + call + results,
        new_model)), 1u);
    EXPECT_EQ(count(turns(call + results, old_model)), 0u);
    EXPECT_EQ(turns(R"({"role":"assistant","tool_calls":[{"id":"1",
        "thought_signature":"Zm9v","function":{"name":"f"}}]})",
        old_model).find("Zm9v"), std::string::npos);
}

TEST(TranslateTools, PassesOnGooglesOwnSettings)
{
    EXPECT_EQ(config(R"("temperature":1,"google":{"generation_config":
        {"temperature":0.5,"topK":3,"maxOutputTokens":9,
        "stopSequences":["x"],"responseMimeType":"application/json",
        "responseSchema":{"type":"STRING"},"unknown":1},
        "media_resolution":"low","response_modalities":["TEXT","image"],
        "speech_config":{"a":1},"aspect_ratio":"16:9"})", old_model),
        R"("generationConfig":{"stopSequences":["x"],"maxOutputTokens":9,)"
        R"("temperature":0.5,"topK":3,"responseMimeType":"application/json",)"
        R"("responseJsonSchema":{"type":"string"},)"
        R"("responseModalities":["TEXT","IMAGE"],"speechConfig":{"a":1},)"
        R"("imageConfig":{"aspectRatio":"16:9"},)"
        R"("mediaResolution":"MEDIA_RESOLUTION_LOW"})");
    EXPECT_EQ(config(R"("generationConfig":{"topP":0.5},"safety_settings":
        [{"a":1}],"thinking_config":{"thinking_budget":0})", old_model),
        R"("safetySettings":[{"a":1}],"generationConfig":{"topP":0.5,)"
        R"("thinkingConfig":{"thinkingBudget":0}})");
    EXPECT_EQ(refused_param(R"("google":{"media_resolution":"huge"})"),
        "google.media_resolution");
    EXPECT_EQ(refused_param(R"("google":{"image_config":3})"),
        "google.image_config");
}

TEST(TranslateTools, SendsNoToolsBesideACache)
{
    EXPECT_EQ(config(R"("tools":[)" + f + R"(],"tool_choice":"required",
        "google":{"cached_content":"cachedContents/x"})", new_model),
        R"("cachedContent":"cachedContents/x")");
}

TEST(TranslateTools, VertexGetsTheIdsThatItGave)
{
    auto ids = [](const char *id, gw::gemini::Api api) {
        std::string body = translate(std::string(R"({"model":"m","messages":[
            {"role":"user","content":"a"},
            {"role":"assistant","tool_calls":[{"id":")") + id
            + R"(","function":{"name":"f"}}]},
            {"role":"tool","tool_call_id":")" + id + R"(","content":"x"}]})",
            new_model, nullptr, api).body;
        std::string member = std::string("\"id\":\"") + id + "\"";
        int found = 0;

        for (std::size_t at = body.find(member); at != std::string::npos;
             at = body.find(member, at + 1))
        {
            ++found;
        }

        return found;
    };

    EXPECT_EQ(ids("fc-17", gw::gemini::Api::vertex), 2);
    EXPECT_EQ(ids("call_17", gw::gemini::Api::vertex), 0);
    EXPECT_EQ(ids("call_17", gw::gemini::Api::gemini), 2);
}

}
