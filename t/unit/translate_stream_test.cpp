#include "core/translate/stream.hpp"

#include "chat_answer.hpp"

#include "core/base/output.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace gw;
using translate::ChatStream;
using translate::StreamEnd;
using translate::StreamState;
using translate::Thoughts;

constexpr std::size_t max_event = 1 << 20;

translate::ReplyOptions options_for(Thoughts thoughts = Thoughts::field)
{
    translate::ReplyOptions options;
    options.head.id = "chatcmpl-1";
    options.head.created = 1700000000;
    options.head.model = "gemini-2.5-flash";
    options.id_seed = "seedseedseedseedseedseed";
    options.thoughts = thoughts;
    options.include_usage = true;
    return options;
}

struct Run {
    StreamState state = StreamState::quiet;
    bool empty = false;
    bool upstream_error = false;
    Error error;
    translate::Outcome outcome;
    std::string text;
    test::Answer answer;
};

Run run(const std::vector<std::string_view> &pieces,
    const translate::ReplyOptions &options = options_for(),
    StreamEnd end = StreamEnd::complete, std::size_t max = max_event)
{
    Run result;
    StringOutput out;
    ChatStream stream(options, max, std::pmr::new_delete_resource());

    for (std::string_view piece : pieces) {
        bool was_quiet = stream.state() == StreamState::quiet;
        std::size_t before = out.view().size();

        stream.feed(piece, out);

        if (was_quiet && stream.state() == StreamState::quiet) {
            EXPECT_EQ(out.view().size(), before);
        }
    }

    result.state = stream.finish(end, out);
    result.empty = stream.empty();
    result.upstream_error = stream.upstream_error() != nullptr;
    result.error = stream.error();
    result.outcome = stream.outcome();

    if (result.state == StreamState::failed && !out.view().empty()) {
        stream.write_error(stream.error(), out);
    }

    // Whatever happened, it is over.
    std::string before(out.view());
    stream.feed("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
                "\"late\"}]}}]}\n\n", out);
    stream.finish(StreamEnd::complete, out);
    EXPECT_EQ(out.view(), before);

    result.text = out.take();
    result.answer = test::read_stream(result.text, options.include_usage);
    EXPECT_EQ(result.answer.problem, "") << result.text;

    return result;
}

Run run_one(std::string_view body,
    const translate::ReplyOptions &options = options_for(),
    StreamEnd end = StreamEnd::complete)
{
    Run whole = run({body}, options, end);

    if (body.size() < 4096) {
        for (std::size_t cut = 1; cut < body.size(); ++cut) {
            Run again = run({body.substr(0, cut), body.substr(cut)}, options,
                end);
            EXPECT_EQ(again.text, whole.text) << "cut at " << cut;
            EXPECT_EQ(again.state, whole.state) << "cut at " << cut;
            EXPECT_EQ(again.empty, whole.empty) << "cut at " << cut;
        }
    }

    return whole;
}

std::string event(std::string_view json)
{
    return "data: " + std::string(json) + "\r\n\r\n";
}

std::string part(std::string_view part, std::string_view more = "")
{
    return event("{\"candidates\":[{\"content\":{\"role\":\"model\","
                 "\"parts\":[" + std::string(part) + "]}"
                 + std::string(more) + "}]}");
}

std::string finish(std::string_view reason)
{
    return event("{\"candidates\":[{\"finishReason\":\""
                 + std::string(reason) + "\"}]}");
}

const test::AnswerChoice &first(const Run &run)
{
    return run.answer.choices.at(0);
}

TEST(ChatStream, WritesTheSequenceOfChunksClientsExpect)
{
    auto options = options_for();
    auto result = run_one(
        event("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]},"
              "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":4}}")
        + event("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
                "\" you\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":"
                "{\"promptTokenCount\":4,\"candidatesTokenCount\":2,"
                "\"totalTokenCount\":6}}"), options);

    constexpr std::string_view head
        = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\","
          "\"created\":1700000000,\"model\":\"gemini-2.5-flash\","
          "\"choices\":[";
    constexpr std::string_view open
        = ",\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";

    std::string expected;
    expected.append(head)
        .append("{\"index\":0,\"delta\":{\"role\":\"assistant\","
                "\"content\":\"\"}")
        .append(open)
        .append(head)
        .append("{\"index\":0,\"delta\":{\"content\":\"Hi\"}")
        .append(open)
        .append(head)
        .append("{\"index\":0,\"delta\":{\"content\":\" you\"}")
        .append(open)
        .append(head)
        .append("{\"index\":0,\"delta\":{},\"logprobs\":null,"
                "\"finish_reason\":\"stop\","
                "\"native_finish_reason\":\"STOP\"}],\"usage\":null}\n\n")
        .append(head)
        .append("],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":2,"
                "\"total_tokens\":6,\"prompt_tokens_details\":{"
                "\"cached_tokens\":0,\"audio_tokens\":0},"
                "\"completion_tokens_details\":{\"reasoning_tokens\":0,"
                "\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
                "\"rejected_prediction_tokens\":0}}}\n\n")
        .append("data: [DONE]\n\n");

    EXPECT_EQ(result.text, expected);
    EXPECT_EQ(result.outcome.finish_reason, "stop");
    EXPECT_TRUE(result.outcome.has_usage);
    EXPECT_EQ(result.outcome.usage.prompt_tokens, 4);
}

TEST(ChatStream, HasNoUsageKeyUnlessAsked)
{
    auto options = options_for();
    options.include_usage = false;

    auto result = run_one(part("{\"text\":\"a\"}") + finish("STOP"), options);

    EXPECT_EQ(result.text.find("usage"), std::string::npos);
    EXPECT_TRUE(result.answer.done);
}

TEST(ChatStream, GivesThoughtsAsTheOperatorWants)
{
    auto body = part("{\"text\":\"hm\",\"thought\":true}")
                + part("{\"text\":\" so\",\"thought\":true},"
                       "{\"text\":\"Yes\"}")
                + part("{\"text\":\"!\"}", ",\"finishReason\":\"STOP\"");

    struct Case {
        Thoughts thoughts;
        std::string_view content;
        std::string_view reasoning;
    };

    for (const auto &c : {
             Case{Thoughts::field, "Yes!", "hm so"},
             Case{Thoughts::inline_tags, "<think>hm so</think>Yes!", ""},
             Case{Thoughts::hide, "Yes!", ""},
         })
    {
        auto result = run_one(body, options_for(c.thoughts));
        EXPECT_EQ(first(result).content, c.content);
        EXPECT_EQ(first(result).reasoning, c.reasoning);
    }
}

TEST(ChatStream, ClosesTheThinkTagEvenWithoutAnAnswer)
{
    auto result = run_one(part("{\"text\":\"hm\",\"thought\":true}")
                          + finish("MAX_TOKENS"),
        options_for(Thoughts::inline_tags));

    EXPECT_EQ(first(result).content, "<think>hm</think>");
    EXPECT_EQ(first(result).finish_reason, "length");
}

TEST(ChatStream, StaysQuietUntilSomethingWorthAHeadComes)
{
    struct Case {
        std::string_view name;
        std::string body;
        Thoughts thoughts;
        StreamState state;
    };

    for (const auto &c : {
             Case{"usage",
                 event("{\"usageMetadata\":{\"promptTokenCount\":1}}"),
                 Thoughts::field, StreamState::quiet},
             Case{"no parts", part(""), Thoughts::field, StreamState::quiet},
             Case{"empty text", part("{\"text\":\"\"}"), Thoughts::field,
                 StreamState::quiet},
             Case{"a lone stop", finish("STOP"), Thoughts::field,
                 StreamState::quiet},
             Case{"a malformed call", finish("MALFORMED_FUNCTION_CALL"),
                 Thoughts::field, StreamState::quiet},
             Case{"a hidden thought",
                 part("{\"text\":\"x\",\"thought\":true}"), Thoughts::hide,
                 StreamState::quiet},
             Case{"an unknown part", part("{\"hologram\":{}}"),
                 Thoughts::field, StreamState::quiet},
             Case{"a thought", part("{\"text\":\"x\",\"thought\":true}"),
                 Thoughts::field, StreamState::started},
             Case{"text", part("{\"text\":\"x\"}"), Thoughts::field,
                 StreamState::started},
             Case{"a call", part("{\"functionCall\":{\"name\":\"f\"}}"),
                 Thoughts::field, StreamState::started},
             Case{"an image", part("{\"inlineData\":{\"mimeType\":"
                                   "\"image/png\",\"data\":\"AA==\"}}"),
                 Thoughts::field, StreamState::started},
             Case{"out of tokens", finish("MAX_TOKENS"), Thoughts::field,
                 StreamState::started},
             Case{"filtered", finish("SAFETY"), Thoughts::field,
                 StreamState::started},
             Case{"a block",
                 event("{\"promptFeedback\":{\"blockReason\":\"OTHER\"}}"),
                 Thoughts::field, StreamState::started},
         })
    {
        StringOutput out;
        ChatStream stream(options_for(c.thoughts), max_event,
            std::pmr::new_delete_resource());

        EXPECT_EQ(stream.feed(c.body, out), c.state) << c.name;
        EXPECT_EQ(out.view().empty(), c.state == StreamState::quiet)
            << c.name;
    }
}

TEST(ChatStream, WritesToolCallsWithRunningIndexes)
{
    auto result = run_one(
        part("{\"functionCall\":{\"id\":\"k1\",\"name\":\"temp\",\"args\":"
             "{\"city\": \"Oslo \\\"x\\\"\", \"n\": 5.0}},"
             "\"thoughtSignature\":\"QUJD\"}")
        + part("{\"functionCall\":{\"id\":\"k1\",\"name\":\"temp\","
               "\"args\":null}},{\"functionCall\":{\"name\":\"now\"}}")
        + part("{\"text\":\"\"}", ",\"finishReason\":\"STOP\""));

    const auto &choice = first(result);

    ASSERT_EQ(choice.calls.size(), 3u);
    EXPECT_EQ(choice.calls[0], (test::Call{"k1", "temp",
        "{\"city\":\"Oslo \\\"x\\\"\",\"n\":5.0}", "QUJD"}));
    EXPECT_EQ(choice.calls[1].id, "call_seedseedseedseedseedseed0");
    EXPECT_EQ(choice.calls[1].arguments, "{}");
    EXPECT_EQ(choice.calls[2].id, "call_seedseedseedseedseedseed1");
    EXPECT_EQ(choice.calls[2].arguments, "{}");
    EXPECT_EQ(choice.finish_reason, "tool_calls");
    EXPECT_EQ(result.outcome.finish_reason, "tool_calls");
}

TEST(ChatStream, KeepsChoicesApart)
{
    auto result = run_one(
        event("{\"candidates\":[{\"index\":1,\"content\":{\"parts\":"
              "[{\"text\":\"b\"}]}}]}")
        + event("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}"
                ",\"finishReason\":\"STOP\"},{\"index\":1,\"content\":"
                "{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]},"
                "\"finishReason\":\"STOP\"}]}"));

    EXPECT_EQ(result.answer.choices.at(0).content, "a");
    EXPECT_EQ(result.answer.choices.at(0).finish_reason, "stop");
    EXPECT_EQ(result.answer.choices.at(1).content, "b");
    EXPECT_EQ(result.answer.choices.at(1).finish_reason, "tool_calls");
}

TEST(ChatStream, CarriesSignaturesImagesAndCode)
{
    auto result = run_one(
        part("{\"text\":\"\",\"thoughtSignature\":\"AAAA\"}")
        + part("{\"text\":\"see\"},{\"executableCode\":{\"language\":"
               "\"PYTHON\",\"code\":\"print(1)\\n\"}},"
               "{\"codeExecutionResult\":{\"outcome\":\"OUTCOME_FAILED\","
               "\"output\":\"boom\"}}")
        + part("{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":"
               "\"AAA\\u003d\"}},{\"inlineData\":{\"mimeType\":\"image/png\","
               "\"data\":\"BBBB\"},\"thought\":true},"
               "{\"inlineData\":{\"mimeType\":\"image/jpeg\",\"data\":"
               "\"CCCC\"}}")
        + part("{\"text\":\"\",\"thoughtSignature\":\"QUJD\"}")
        + finish("STOP"));

    const auto &choice = first(result);

    EXPECT_EQ(choice.content, "see\n```python\nprint(1)\n```\n"
                              "\n```output OUTCOME_FAILED\nboom\n```\n");
    EXPECT_EQ(choice.images, (std::vector<std::string>{
        "data:image/png;base64,AAA=", "data:image/jpeg;base64,CCCC"}));
    EXPECT_EQ(choice.signature, "QUJD");
    EXPECT_NE(result.text.find("AAAA"), std::string::npos);
}

TEST(ChatStream, MapsWhatEndedTheAnswer)
{
    struct Case {
        std::string_view native;
        std::string_view reason;
    };

    for (const auto &c : {
             Case{"STOP", "stop"}, Case{"1", "stop"},
             Case{"MAX_TOKENS", "length"}, Case{"2", "length"},
             Case{"CONTINUATION", "length"}, Case{"SAFETY", "content_filter"},
             Case{"MALFORMED_FUNCTION_CALL", "stop"}, Case{"OTHER", "stop"},
             Case{"NEW_REASON_2031", "stop"},
         })
    {
        auto result = run_one(part("{\"text\":\"x\"}") + finish(c.native));
        EXPECT_EQ(first(result).finish_reason, c.reason) << c.native;
    }

    auto number = run_one(part("{\"text\":\"x\"}", ",\"finishReason\":3"));
    EXPECT_EQ(first(number).finish_reason, "content_filter");
    EXPECT_EQ(first(number).native_finish_reason, "SAFETY");
}

TEST(ChatStream, DoesNotEndAtTheFirstFinishReason)
{
    auto result = run_one(finish("STOP") + part("{\"text\":\"a\"}",
        ",\"finishReason\":\"STOP\"") + part("{\"text\":\"b\"}",
        ",\"finishReason\":\"MAX_TOKENS\",\"finishMessage\":\"full\""));

    EXPECT_EQ(first(result).content, "ab");
    EXPECT_EQ(first(result).finish_reason, "length");
    EXPECT_EQ(first(result).finish_message, "full");
}

TEST(ChatStream, TellsABlockedPromptAsARefusal)
{
    auto result = run_one(event("{\"promptFeedback\":{\"blockReason\":"
        "\"SAFETY\",\"blockReasonMessage\":\"no \\\"x\\\"\"},"
        "\"usageMetadata\":{\"promptTokenCount\":7,\"totalTokenCount\":7}}"));

    EXPECT_EQ(first(result).content, "");
    EXPECT_EQ(first(result).refusal,
        "Prompt blocked by Gemini: SAFETY (no \"x\")");
    EXPECT_EQ(first(result).finish_reason, "content_filter");
    EXPECT_EQ(first(result).native_finish_reason, "SAFETY");
    EXPECT_EQ(result.answer.prompt_tokens, 7);
    EXPECT_TRUE(result.answer.done);
}

TEST(ChatStream, RatingsAloneAreNoBlock)
{
    auto result = run_one(event("{\"promptFeedback\":{\"safetyRatings\":[]},"
        "\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},"
        "\"finishReason\":\"STOP\"}]}"));

    EXPECT_EQ(first(result).content, "x");
    EXPECT_EQ(first(result).refusal, "");
}

TEST(ChatStream, MergesUsageFieldByField)
{
    auto result = run_one(
        event("{\"usageMetadata\":{\"promptTokenCount\":40,"
              "\"thoughtsTokenCount\":61}}")
        + part("{\"text\":\"x\"}", ",\"finishReason\":\"STOP\"")
        + event("{\"usageMetadata\":{\"trafficType\":\"ON_DEMAND\","
                "\"candidatesTokenCount\":9,\"promptTokensDetails\":"
                "[{\"modality\":\"AUDIO\",\"tokenCount\":3}]}}"));

    EXPECT_EQ(result.answer.prompt_tokens, 40);
    EXPECT_EQ(result.answer.completion_tokens, 70);
    EXPECT_EQ(result.answer.reasoning_tokens, 61);
    EXPECT_NE(result.text.find("\"audio_tokens\":3"), std::string::npos);
}

TEST(ChatStream, FailsOnUpstreamErrors)
{
    struct Case {
        std::string_view name;
        std::string body;
        bool begun;
    };

    std::string begun = part("{\"text\":\"a\"}");
    std::string error = "{\n  \"error\": {\n    \"code\": 503,\n"
                        "    \"message\": \"The model is overloaded.\",\n"
                        "    \"status\": \"UNAVAILABLE\"\n  }\n}\n";

    for (const auto &c : {
             Case{"first event", event("{\"error\":{\"code\":503,\"message\":"
                                       "\"m\",\"status\":\"UNAVAILABLE\"}}"),
                 false},
             Case{"bare", error, false},
             Case{"bare array", "[" + error + "]", false},
             Case{"array in an event",
                 event("[{\"error\":{\"code\":503,\"status\":"
                       "\"UNAVAILABLE\"}}]"), false},
             Case{"event amid the stream",
                 begun + event("{\"error\":{\"code\":503,\"status\":"
                               "\"UNAVAILABLE\"}}") + finish("STOP"), true},
             Case{"bare amid the stream", begun + error, true},
         })
    {
        auto result = run_one(c.body);
        EXPECT_EQ(result.state, StreamState::failed) << c.name;
        EXPECT_TRUE(result.upstream_error) << c.name;
        EXPECT_FALSE(result.empty) << c.name;
        EXPECT_EQ(result.text.empty(), !c.begun) << c.name;
        EXPECT_EQ(result.answer.failed, c.begun) << c.name;
        EXPECT_FALSE(result.answer.done) << c.name;
        EXPECT_FALSE(result.error.message.empty()) << c.name;
    }
}

TEST(ChatStream, FailsOnWhatIsNoStream)
{
    struct Case {
        std::string_view name;
        std::string body;
    };

    for (const auto &c : {
             Case{"a page", "\n<!DOCTYPE html><p>502"},
             Case{"broken JSON", "data: {\"candidates\":[}\n\n"},
             Case{"broken UTF-8", part("{\"text\":\"\xff\"}")},
         })
    {
        auto result = run_one(c.body);
        EXPECT_EQ(result.state, StreamState::failed) << c.name;
        EXPECT_EQ(result.error.kind, ErrorKind::upstream_failed) << c.name;
        EXPECT_FALSE(result.empty) << c.name;
        EXPECT_EQ(result.text, "") << c.name;
    }
}

TEST(ChatStream, RefusesAnEventOverTheLimit)
{
    auto body = part("{\"text\":\"" + std::string(2000, 'x') + "\"}");
    auto result = run({body}, options_for(), StreamEnd::complete, 1000);

    EXPECT_EQ(result.state, StreamState::failed);
    EXPECT_EQ(result.error.kind, ErrorKind::upstream_failed);
}

TEST(ChatStream, TellsATruncatedAnswerFromAWholeOne)
{
    auto text = part("{\"text\":\"x\"}");

    struct Case {
        std::string_view name;
        std::string body;
        StreamEnd end;
        ErrorKind kind;
    };

    for (const auto &c : {
             Case{"no finish reason", text, StreamEnd::complete,
                 ErrorKind::truncated},
             Case{"unspecified", text + finish("FINISH_REASON_UNSPECIFIED"),
                 StreamEnd::complete, ErrorKind::truncated},
             Case{"within an event", text + "data: {\"candidates\":",
                 StreamEnd::complete, ErrorKind::truncated},
             Case{"connection lost", text + finish("STOP"), StreamEnd::cut,
                 ErrorKind::truncated},
             Case{"silence", text, StreamEnd::timed_out, ErrorKind::timeout},
         })
    {
        auto result = run_one(c.body, options_for(), c.end);
        EXPECT_EQ(result.state, StreamState::failed) << c.name;
        EXPECT_EQ(result.error.kind, c.kind) << c.name;
        EXPECT_TRUE(result.answer.failed) << c.name;
        EXPECT_FALSE(result.answer.done) << c.name;
    }
}

TEST(ChatStream, TakesTheLastEventWithoutItsBlankLine)
{
    std::string body = part("{\"text\":\"x\"}")
        + "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}";
    auto result = run_one(body);

    EXPECT_TRUE(result.answer.done);
    EXPECT_EQ(first(result).content, "x");
}

TEST(ChatStream, CallsAnAnswerWithoutAWordEmpty)
{
    struct Case {
        std::string_view name;
        std::string body;
        bool acceptable;
    };

    for (const auto &c : {
             Case{"nothing", "", false},
             Case{"a relay's end only", "data: [DONE]\n\n", false},
             Case{"usage only",
                 event("{\"usageMetadata\":{\"promptTokenCount\":1}}"),
                 false},
             Case{"no candidates", event("{\"candidates\":[]}"), false},
             Case{"stop", part("{\"text\":\"\"}",
                 ",\"finishReason\":\"STOP\""), true},
             Case{"malformed", finish("MALFORMED_FUNCTION_CALL"), false},
             Case{"other", finish("OTHER"), false},
             Case{"text, no end of it", part(""), false},
         })
    {
        StringOutput out;
        ChatStream stream(options_for(), max_event,
            std::pmr::new_delete_resource());

        stream.feed(c.body, out);

        EXPECT_EQ(stream.finish(StreamEnd::complete, out),
            StreamState::failed) << c.name;
        EXPECT_TRUE(stream.empty()) << c.name;
        EXPECT_FALSE(stream.error().message.empty()) << c.name;
        EXPECT_EQ(out.view(), "") << c.name;
        EXPECT_EQ(stream.accept_empty(out), c.acceptable) << c.name;

        if (c.acceptable) {
            auto answer = test::read_stream(out.view(), true);
            EXPECT_EQ(answer.problem, "") << c.name;
            EXPECT_TRUE(answer.done) << c.name;
            EXPECT_EQ(answer.choices.at(0).finish_reason, "stop") << c.name;
            EXPECT_EQ(stream.state(), StreamState::started) << c.name;

        } else {
            EXPECT_EQ(out.view(), "") << c.name;
        }
    }
}

TEST(ChatStream, DoesNotCallAMalformedCallAfterThoughtsAnAnswer)
{
    auto result = run_one(part("{\"text\":\"hm\",\"thought\":true}")
                          + finish("MALFORMED_FUNCTION_CALL"));

    EXPECT_EQ(result.state, StreamState::failed);
    EXPECT_FALSE(result.empty);
    EXPECT_EQ(result.error.code, "malformed_function_call");
    EXPECT_TRUE(result.answer.failed);
}

TEST(ChatStream, IgnoresEventsThatAreNoObjects)
{
    auto result = run_one("data: \"ping\"\n\ndata: 5\n\ndata:\n\n: hello\n\n"
        + part("{\"text\":\"x\"}") + finish("STOP") + "data: [DONE]\n\n");

    EXPECT_EQ(first(result).content, "x");
    EXPECT_TRUE(result.answer.done);
}

TEST(ChatStream, TakesSeveralObjectsInOneEvent)
{
    auto result = run_one(
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}"
        "\ndata: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n");

    EXPECT_EQ(first(result).content, "a");
    EXPECT_TRUE(result.answer.done);
}

TEST(ChatStream, TakesTheArrayFormOfAStream)
{
    auto result = run_one(
        "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n,"
        "\r\n{\"candidates\":[{\"finishReason\":\"STOP\"}]}\n]");

    EXPECT_EQ(first(result).content, "a");
    EXPECT_TRUE(result.answer.done);
}

TEST(ChatStream, IsLenientWithTypes)
{
    auto result = run_one(event(
        "{\"candidates\":[{\"index\":\"x\",\"content\":{\"parts\":["
        "{\"text\":5},{\"text\":\"a\",\"thought\":null},7,"
        "{\"functionCall\":[]}]},\"finishReason\":{}}],"
        "\"usageMetadata\":{\"promptTokenCount\":1.5}}") + finish("STOP"));

    EXPECT_EQ(first(result).content, "a");
}

TEST(ChatStream, JoinsSurrogatesThatEventsTookApart)
{
    auto result = run_one(part("{\"text\":\"a\\ud83d\"}")
                          + part("{\"text\":\"\\ude00b\"}")
                          + part("{\"text\":\"\\ud83d\"},{\"text\":\"c\"}")
                          + part("{\"text\":\"\\ude00\\uD83D\"}")
                          + finish("STOP"));

    EXPECT_EQ(first(result).content, "a\xf0\x9f\x98\x80"
        "b\xef\xbf\xbd" "c\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(ChatStream, KeepsTextAsItStands)
{
    auto result = run_one(part("{\"text\":\"\\u003cb\\u003e "
        "\xe2\x80\xa8 \xf0\x9f\x98\x80 \\n\\\\ \\\"\"}") + finish("STOP"));

    EXPECT_EQ(first(result).content,
        "<b> \xe2\x80\xa8 \xf0\x9f\x98\x80 \n\\ \"");
}

class CountingMemory final : public std::pmr::memory_resource {
public:
    std::size_t held = 0;
    std::size_t allocations = 0;

private:
    void *do_allocate(std::size_t size, std::size_t align) override
    {
        held += size;
        ++allocations;
        return std::pmr::new_delete_resource()->allocate(size, align);
    }

    void do_deallocate(void *p, std::size_t size, std::size_t align) override
    {
        held -= size;
        std::pmr::new_delete_resource()->deallocate(p, size, align);
    }

    bool do_is_equal(const memory_resource &other) const noexcept override
    {
        return this == &other;
    }
};

/// Takes everything and keeps nothing.
class NullOutput final : public Output {
public:
    std::size_t grown = 0;

private:
    void grow(std::size_t) override
    {
        ++grown;
        position_ = buffer_;
        end_ = buffer_ + sizeof(buffer_);
    }

    char buffer_[4096];
};

TEST(ChatStream, HoldsNoMoreMemoryAfterAHundredThousandEvents)
{
    std::string text = part("{\"text\":\"some words of an answer\"}",
        ",\"finishReason\":\"STOP\",\"finishMessage\":\"a message longer than "
        "any small string\"");
    std::string call = part("{\"functionCall\":{\"id\":\"i\",\"name\":\"f\","
        "\"args\":{}},\"thoughtSignature\":\"QUJD\"}");

    CountingMemory memory;
    NullOutput out;
    ChatStream stream(options_for(), max_event, &memory);

    stream.feed(text + call, out);

    std::size_t held = memory.held;
    std::size_t allocations = memory.allocations;

    for (int i = 0; i < 50000; ++i) {
        stream.feed(text, out);
        stream.feed(call, out);
    }

    EXPECT_EQ(stream.state(), StreamState::started);
    EXPECT_EQ(memory.held, held);
    EXPECT_EQ(memory.allocations, allocations);
    EXPECT_LT(memory.held, 16384u);
}

TEST(ChatStream, CitesSourcesBeforeTheFinishChunk)
{
    std::string_view metadata = R"(data: {"candidates":[{"content":{"parts":[
data: {"text":""}]},"groundingMetadata":{"groundingChunks":[
data: {"web":{"uri":"https://a","title":"A"}}],"groundingSupports":[
data: {"segment":{"startIndex":3,"endIndex":11},
data: "groundingChunkIndices":[0]}]},"finishReason":"STOP"}]}

)";

    auto options = options_for();
    auto result = run({R"(data: {"candidates":[{"content":{"parts":[)"
                       R"({"text":"hm","thought":true},{"text":"жa"}]}}]})",
                          "\n\n",
                          R"(data: {"candidates":[{"content":{"parts":[)"
                          R"({"text":"\ud83d"}]}}]})", "\n\n",
                          R"(data: {"candidates":[{"content":{"parts":[)"
                          R"({"text":"\ude00\nж."}]}}]})", "\n\n",
                          metadata, metadata}, options);

    const auto &choice = result.answer.choices.at(0);

    EXPECT_EQ(choice.content, "\xd0\xb6" "a\xf0\x9f\x98\x80\n\xd0\xb6.");
    EXPECT_EQ(choice.sources,
        (std::vector<test::Source>{{"https://a", "A", 2, 6}}));
    EXPECT_TRUE(choice.has_metadata);
}

TEST(ChatStream, PutsLogprobsIntoTheChunkOfTheirText)
{
    auto options = options_for();
    options.logprobs = true;

    std::string event = R"(data: {"candidates":[{"content":{"parts":[)"
        R"({"text":"T"}]},"logprobsResult":{"chosenCandidates":[)"
        R"({"token":"T","logProbability":-1}]}}]})" "\n\n";
    std::string last = R"(data: {"candidates":[{"finishReason":"STOP",)"
        R"("logprobsResult":{"chosenCandidates":[{"token":"E"}]}}]})" "\n\n";

    auto result = run({event, last}, options);
    EXPECT_EQ(result.answer.choices.at(0).tokens,
        (std::vector<std::string>{"T=-1", "E=0"}));
    EXPECT_NE(result.text.find("\"delta\":{\"content\":\"T\"},\"logprobs\":{"),
        std::string::npos) << result.text;

    EXPECT_TRUE(run({event, last}).answer.choices.at(0).tokens.empty());
}

TEST(ChatStream, SpeaksTheLanguageOfFunctionsBeforeTools)
{
    auto options = options_for();
    options.calls = translate::Calls::legacy;

    std::string_view call = R"(data: {"candidates":[{"content":{"parts":[)"
        R"({"functionCall":{"name":"f","args":{"a":1}},)"
        R"("thoughtSignature":"QUJD"}]},"finishReason":"STOP"}]})" "\n\n";

    auto result = run({call, call}, options);
    EXPECT_EQ(result.answer.choices.at(0).calls,
        (std::vector<test::Call>{{"", "f", "{\"a\":1}", "QUJD"}}));
    EXPECT_EQ(result.answer.choices.at(0).finish_reason, "function_call");
    EXPECT_EQ(result.outcome.finish_reason, "function_call");
}

TEST(ChatStream, JoinsAudioThatComesInPieces)
{
    auto options = options_for();
    options.audio = translate::AudioFormat::pcm16;

    auto piece = [](std::string_view data) {
        return R"(data: {"candidates":[{"content":{"parts":[{"inlineData":)"
               R"({"mimeType":"audio/L16;rate=24000","data":")"
               + std::string(data) + "\"}}]}}]}\n\n";
    };

    std::string first = piece("YWJjZA==");
    std::string second = piece("ZWY\\u003d");
    std::string last = piece("Zw==");

    auto result = run({first, second, last,
        "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n"},
        options);
    const auto &choice = result.answer.choices.at(0);

    EXPECT_EQ(choice.audio, "YWJjZGVmZw==");
    EXPECT_EQ(choice.audio_id, "audio_seedseedseedseedseedseed0");
    EXPECT_EQ(choice.audio_expires_at, 1700000000);
    EXPECT_EQ(choice.finish_reason, "stop");
}

TEST(ChatStream, KeepsThoughtsInlineAroundCalls)
{
    auto result = run({R"(data: {"candidates":[{"content":{"parts":[)"
        R"({"text":"a","thought":true},{"functionCall":{"name":"f"}},)"
        R"({"text":"b","thought":true}]}}]})", "\n\n",
        R"(data: {"candidates":[{"content":{"parts":[{"text":"c",)"
        R"("thought":true},{"text":"d"}]},"finishReason":"STOP"}]})",
        "\n\n"}, options_for(Thoughts::inline_tags));
    const auto &choice = result.answer.choices.at(0);

    EXPECT_EQ(choice.content, "<think>a</think><think>bc</think>d");
    EXPECT_EQ(choice.calls.size(), 1u);
    EXPECT_LT(result.text.find("</think>"), result.text.find("tool_calls"));
}

TEST(ChatStream, TellsHowToGoOnWithALongAnswer)
{
    auto result = run({"data: {\"candidates\":[{\"content\":{\"parts\":["
        "{\"text\":\"x\"}]},\"finishReason\":\"CONTINUATION\","
        "\"continuationToken\":\"abc=\"}]}\n\n"});

    EXPECT_EQ(result.answer.choices.at(0).finish_reason, "length");
    EXPECT_EQ(result.answer.choices.at(0).continuation_token, "abc=");
}

}
