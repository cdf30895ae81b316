// Replays recorded traffic of Google's API through the chat translation. What
// must come out is worked out here once more, from a document tree, so that
// nothing is taken from the code under test. The recordings are not part of
// the repository: GEMINI_FIXTURES names their directory.
#include "chat_answer.hpp"

#include "core/base/output.hpp"
#include "core/translate/reply.hpp"
#include "core/translate/stream.hpp"

#include <gtest/gtest.h>
#include <yajl/yajl_tree.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory_resource>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace gw;
namespace fs = std::filesystem;
using test::member;
using test::text_of;
using test::text_or_empty;
using test::Tree;

constexpr std::size_t max_event = 8 << 20;

/// Bodies up to this size are cut at every byte.
constexpr std::size_t short_body = 4096;

translate::ReplyOptions options_of_test()
{
    translate::ReplyOptions options;
    options.head.id = "chatcmpl-fixture";
    options.head.created = 1700000000;
    options.head.model = "m";
    options.id_seed = "0123456789abcdef01234567";
    options.include_usage = true;
    return options;
}

void write_tree(yajl_val value, std::string &out)
{
    if (YAJL_IS_OBJECT(value)) {
        std::map<std::string, yajl_val> sorted;

        for (std::size_t i = 0; i < YAJL_GET_OBJECT(value)->len; ++i) {
            sorted[YAJL_GET_OBJECT(value)->keys[i]]
                = YAJL_GET_OBJECT(value)->values[i];
        }

        out += '{';

        for (const auto &[key, inner] : sorted) {
            StringOutput name;
            json::Writer(name).string(key);
            out += out.back() == '{' ? "" : ",";
            out += name.take();
            out += ':';
            write_tree(inner, out);
        }

        out += '}';

    } else if (YAJL_IS_ARRAY(value)) {
        out += '[';

        for (std::size_t i = 0; i < YAJL_GET_ARRAY(value)->len; ++i) {
            out += i == 0 ? "" : ",";
            write_tree(YAJL_GET_ARRAY(value)->values[i], out);
        }

        out += ']';

    } else if (YAJL_IS_STRING(value)) {
        StringOutput text;
        json::Writer(text).string(YAJL_GET_STRING(value));
        out += text.take();

    } else if (YAJL_IS_NUMBER(value)) {
        out += YAJL_GET_NUMBER(value);

    } else {
        out += YAJL_IS_TRUE(value) ? "true"
               : YAJL_IS_FALSE(value) ? "false" : "null";
    }
}

std::string text_of_tree(yajl_val value)
{
    std::string out;
    write_tree(value, out);
    return out;
}

std::string canonical(std::string_view json)
{
    Tree tree(json);
    return text_of_tree(tree.root());
}

std::vector<yajl_val> elements(yajl_val array)
{
    if (!YAJL_IS_ARRAY(array)) {
        return {};
    }

    return {YAJL_GET_ARRAY(array)->values,
        YAJL_GET_ARRAY(array)->values + YAJL_GET_ARRAY(array)->len};
}

/// What must come out, as far as it does not depend on the form.
struct Expected {
    struct Choice {
        std::string content;
        std::string reasoning;
        std::vector<std::pair<std::string, std::string>> calls;
        std::size_t images = 0;
        bool has_code = false;
        std::string native;
    };

    std::map<long long, Choice> choices;
    std::map<std::string, long long> counts;
    bool blocked = false;
    bool error = false;

    void add(yajl_val event)
    {
        if (YAJL_IS_OBJECT(member(event, "error"))) {
            error = true;
        }

        for (yajl_val candidate : elements(member(event, "candidates"))) {
            add_candidate(candidate);
        }

        if (yajl_val feedback = member(event, "promptFeedback")) {
            blocked = blocked || member(feedback, "blockReason")
                      || member(feedback, "blockReasonMessage");
        }

        for (const char *name : {"promptTokenCount", "candidatesTokenCount",
                 "thoughtsTokenCount", "toolUsePromptTokenCount",
                 "totalTokenCount"})
        {
            yajl_val count = member(member(event, "usageMetadata"), name);

            if (YAJL_IS_INTEGER(count)) {
                counts[name] = YAJL_GET_INTEGER(count);
            }
        }
    }

    void add_candidate(yajl_val candidate)
    {
        yajl_val index = member(candidate, "index");
        Choice &choice = choices[YAJL_IS_INTEGER(index)
                                     ? YAJL_GET_INTEGER(index) : 0];

        for (yajl_val part : elements(member(member(candidate, "content"),
                 "parts")))
        {
            bool thought = YAJL_IS_TRUE(member(part, "thought"));
            std::string text = text_or_empty(member(part, "text"));
            (thought ? choice.reasoning : choice.content) += text;

            if (yajl_val call = member(part, "functionCall")) {
                choice.calls.emplace_back(text_or_empty(member(call, "name")),
                    text_of_tree(member(call, "args")));
            }

            if (!thought && member(part, "inlineData")) {
                ++choice.images;
            }

            choice.has_code = choice.has_code || member(part, "executableCode")
                              || member(part, "codeExecutionResult");
        }

        if (auto reason = text_of(member(candidate, "finishReason"))) {
            choice.native = *reason;
        }
    }

    bool says_something() const
    {
        return std::any_of(choices.begin(), choices.end(), [](auto &entry) {
            const Choice &c = entry.second;
            return !c.content.empty() || !c.calls.empty() || c.images > 0
                   || c.has_code;
        });
    }

    std::string_view finish_of(const Choice &choice) const
    {
        if (choice.native == "STOP" || choice.native.empty()) {
            return choice.calls.empty() ? "stop" : "tool_calls";
        }

        return choice.native == "MAX_TOKENS" ? "length" : "content_filter";
    }

    void expect(const test::Answer &answer) const
    {
        EXPECT_EQ(answer.problem, "");

        if (blocked && choices.empty()) {
            EXPECT_EQ(answer.choices.at(0).finish_reason, "content_filter");
            EXPECT_NE(answer.choices.at(0).refusal, "");
            return;
        }

        ASSERT_EQ(answer.choices.size(), choices.size());

        for (const auto &[index, choice] : choices) {
            const auto &got = answer.choices.at(index);

            EXPECT_EQ(got.finish_reason, finish_of(choice));
            EXPECT_EQ(got.reasoning, choice.reasoning);
            EXPECT_EQ(got.images.size(), choice.images);
            ASSERT_EQ(got.calls.size(), choice.calls.size());

            for (std::size_t i = 0; i < choice.calls.size(); ++i) {
                EXPECT_EQ(got.calls[i].name, choice.calls[i].first);
                EXPECT_EQ(canonical(got.calls[i].arguments),
                    choice.calls[i].second);
            }

            if (choice.has_code) {
                EXPECT_NE(got.content.find("```python\n"),
                    std::string::npos);
            } else {
                EXPECT_EQ(got.content, choice.content);
            }
        }

        auto count = [this](const char *name) {
            auto found = counts.find(name);
            return found == counts.end() ? 0 : found->second;
        };

        long long prompt = count("promptTokenCount")
                           + count("toolUsePromptTokenCount");

        EXPECT_EQ(answer.prompt_tokens, prompt);
        EXPECT_EQ(answer.reasoning_tokens, count("thoughtsTokenCount"));

        if (counts.count("candidatesTokenCount") != 0) {
            EXPECT_EQ(answer.completion_tokens,
                count("candidatesTokenCount") + count("thoughtsTokenCount"));
        }
    }
};

struct Streamed {
    translate::StreamState state;
    std::string text;
};

template <typename Cuts>
Streamed stream(std::string_view body, Cuts next_size)
{
    StringOutput out;
    translate::ChatStream stream(options_of_test(), max_event,
        std::pmr::new_delete_resource());

    while (!body.empty()) {
        std::size_t size = std::min(body.size(), next_size());
        stream.feed(body.substr(0, size), out);
        body.remove_prefix(size);
    }

    auto state = stream.finish(translate::StreamEnd::complete, out);

    if (state == translate::StreamState::failed && !out.view().empty()) {
        stream.write_error(stream.error(), out);
    }

    return {state, out.take()};
}

void expect_same_however_cut(std::string_view body, const Streamed &whole)
{
    std::mt19937 random(7);

    for (std::size_t widest : {1, 3, 17, 500, 10000}) {
        if (body.size() > (1 << 16) && widest < 500) {
            continue;
        }

        std::uniform_int_distribution<std::size_t> sizes(1, widest);
        auto again = stream(body, [&] { return sizes(random); });
        EXPECT_EQ(again.text, whole.text) << "pieces up to " << widest;
        EXPECT_EQ(again.state, whole.state);
    }

    for (std::size_t cut = 1;
         body.size() <= short_body && cut < body.size(); ++cut)
    {
        bool first = true;
        auto again = stream(body, [&] {
            return std::exchange(first, false) ? cut : body.size();
        });
        ASSERT_EQ(again.text, whole.text) << "cut at " << cut;
        ASSERT_EQ(again.state, whole.state) << "cut at " << cut;
    }
}

void replay_stream(std::string_view body, const Expected &expected)
{
    auto whole = stream(body, [&] { return body.size(); });

    expect_same_however_cut(body, whole);

    if (expected.error
        || (!expected.says_something() && !expected.blocked))
    {
        EXPECT_EQ(whole.state, translate::StreamState::failed);
        EXPECT_EQ(whole.text, "");
        return;
    }

    EXPECT_EQ(whole.state, translate::StreamState::started);

    auto answer = test::read_stream(whole.text, true);
    EXPECT_TRUE(answer.done);
    expected.expect(answer);
}

void replay_unary(std::string_view body, const Expected &expected)
{
    Arena arena(std::pmr::new_delete_resource());
    StringOutput out;

    auto reply = translate::to_chat_completion(body, options_of_test(), false,
        arena, out);

    ASSERT_TRUE(reply);

    if (expected.error) {
        EXPECT_EQ(reply->state, translate::ReplyState::failed);
        EXPECT_NE(reply->upstream_error.code, 0);
        return;
    }

    if (!expected.says_something() && !expected.blocked) {
        EXPECT_EQ(reply->state, translate::ReplyState::empty);
        return;
    }

    ASSERT_EQ(reply->state, translate::ReplyState::complete);

    auto answer = test::read_completion(out.view());
    expected.expect(answer);

    // The same body as one bare object of a stream says the same.
    if (!expected.choices.empty()) {
        auto streamed = stream(body, [&] { return body.size(); });
        auto other = test::read_stream(streamed.text, true);
        EXPECT_TRUE(other.same_as(answer)) << streamed.text;
    }
}

class Fixtures : public testing::Test {
protected:
    void SetUp() override
    {
        const char *directory = std::getenv("GEMINI_FIXTURES");

        if (directory == nullptr || !fs::is_directory(directory)) {
            GTEST_SKIP() << "GEMINI_FIXTURES is not set to the directory of "
                            "recorded traffic";
        }

        directory_ = directory;
    }

    template <typename Body>
    void each(const char *name, Body &&body)
    {
        std::size_t seen = 0;

        for (const auto &entry : fs::directory_iterator(directory_ / name)) {
            std::ifstream file(entry.path(), std::ios::binary);
            std::ostringstream text;
            text << file.rdbuf();

            SCOPED_TRACE(entry.path().filename().string());
            body(text.str());
            ++seen;
        }

        EXPECT_GT(seen, 0u) << name;
    }

    fs::path directory_;
};

TEST_F(Fixtures, StreamsComeOutAsTheyWentIn)
{
    each("stream", [](const std::string &body) {
        Expected expected;
        std::istringstream lines(body);
        bool events = false;

        for (std::string line; std::getline(lines, line);) {
            if (line.rfind("data: ", 0) == 0) {
                Tree tree(std::string_view(line).substr(6));
                expected.add(tree.root());
                events = true;
            }
        }

        if (!events) {
            Tree tree(body);
            expected.add(tree.root());
        }

        replay_stream(body, expected);
    });
}

TEST_F(Fixtures, WholeAnswersComeOutAsTheyWentIn)
{
    each("unary", [](const std::string &body) {
        Tree tree(body);
        Expected expected;
        expected.add(tree.root());
        replay_unary(body, expected);
    });
}

TEST_F(Fixtures, RecordedExchangesComeOutAsTheyWentIn)
{
    each("recordings", [](const std::string &text) {
        Tree tree(text);

        for (yajl_val exchange : elements(member(tree.root(),
                 "interactions")))
        {
            yajl_val response = member(exchange, "response");
            std::string url = text_or_empty(member(member(exchange,
                "request"), "url"));
            auto segments = elements(member(response, "bodySegments"));
            Expected expected;
            std::string sse;

            for (yajl_val segment : segments) {
                expected.add(segment);
                sse += "data: " + text_of_tree(segment) + "\r\n\r\n";
            }

            if (url.find(":streamGenerateContent") != std::string::npos) {
                replay_stream(sse, expected);

            } else if (url.find(":generateContent") != std::string::npos) {
                ASSERT_EQ(segments.size(), 1u);
                replay_unary(text_of_tree(segments[0]), expected);
            }
        }
    });
}

}
