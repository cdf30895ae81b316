#include "core/front/native.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace gw;
using front::Native;
using front::Whole;
using translate::StreamEnd;
using translate::StreamState;

constexpr std::size_t max_event = 1 << 20;

Native make(Operation operation, const char *query = "")
{
    return Native({operation, "m"}, query, max_event,
        std::pmr::new_delete_resource());
}

std::string event(const std::string &json)
{
    return "data: " + json + "\r\n\r\n";
}

const std::string hello = "{\"candidates\":[{\"content\":{\"parts\":[{"
    "\"text\":\"hello\"}]}}]}";
const std::string last = "{\"candidates\":[{\"finishReason\":\"MAX_TOKENS\"}],"
    "\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":5,"
    "\"totalTokenCount\":8}}";
const std::string busy = "{\"error\":{\"code\":503,\"message\":\"busy\","
    "\"status\":\"UNAVAILABLE\"}}";

TEST(FrontNative, StreamsAreTheSameWhereverTheyAreCut)
{
    const std::vector<std::string> streams = {
        event(hello) + event(last),
        "\xef\xbb\xbf: hi\n\ndata:" + hello + "\n\ndata: " + last + "\n\n",
        "data: " + hello + "\r\rdata: " + last + "\r\rdata: [DONE]\r\r",
        "[" + hello + "\n,\r\n" + last + "\n]\n",
    };

    for (const std::string &stream : streams) {
        for (std::size_t size = 1; size <= stream.size(); ++size) {
            Native front = make(Operation::stream_generate_content,
                stream[0] == '[' ? "" : "alt=sse");
            StringOutput out;

            for (std::size_t i = 0; i < stream.size(); i += size) {
                ASSERT_NE(front.feed(std::string_view(stream).substr(i, size),
                    out), StreamState::failed);
            }

            EXPECT_EQ(front.finish(StreamEnd::complete, out),
                StreamState::started);
            ASSERT_EQ(out.view(), stream) << size;
            EXPECT_EQ(front.outcome().usage.completion_tokens, 5);
            EXPECT_EQ(front.outcome().finish_reason, "length");
        }
    }
}

TEST(FrontNative, AnEventGoesOutWholeAndAtOnce)
{
    Native front = make(Operation::stream_generate_content, "alt=sse");
    StringOutput out;
    std::string first = event(hello);

    EXPECT_EQ(front.feed(first.substr(0, 20), out), StreamState::quiet);
    EXPECT_EQ(out.view(), "");
    EXPECT_EQ(front.feed(first.substr(20), out), StreamState::started);
    EXPECT_EQ(out.view(), first);
    (void) front.feed("data: {\"cand", out);
    EXPECT_EQ(out.view(), first);
}

TEST(FrontNative, AnErrorInAStreamIsFoundBeforeItGoesOut)
{
    Native front = make(Operation::stream_generate_content, "alt=sse");
    StringOutput out;

    EXPECT_EQ(front.feed(event(busy), out), StreamState::failed);
    EXPECT_EQ(out.view(), "");
    ASSERT_NE(front.upstream_error(), nullptr);
    EXPECT_EQ(front.upstream_error()->code, 503);

    StringOutput body;
    EXPECT_EQ(front.write_error(front.error(), front.upstream_error(), {},
        body), 503);
    EXPECT_EQ(body.view(), busy);

    front.start_over();
    EXPECT_EQ(front.feed(event(hello), out), StreamState::started);
    EXPECT_EQ(front.feed(event(busy), out), StreamState::failed);
    front.write_error_event(front.error(), out);
    EXPECT_EQ(out.view(), event(hello) + event(busy));
}

TEST(FrontNative, AnArrayThatBreaksOffIsStillJson)
{
    Native front = make(Operation::stream_generate_content);
    StringOutput out;

    EXPECT_EQ(front.feed("[" + hello + "\n,\r\n{\"a", out),
        StreamState::started);
    EXPECT_EQ(front.finish(StreamEnd::cut, out), StreamState::failed);
    front.write_error_event(front.error(), out);

    EXPECT_EQ(std::string(out.view()).substr(0, hello.size() + 13),
        "[" + hello + "\n,\r\n{\"error\"");
    EXPECT_EQ(out.view().back(), ']');
}

TEST(FrontNative, NothingAtAllIsNoAnswer)
{
    Native front = make(Operation::stream_generate_content, "alt=sse");
    StringOutput out;

    EXPECT_EQ(front.finish(StreamEnd::complete, out), StreamState::failed);
    EXPECT_TRUE(front.empty());
    EXPECT_FALSE(front.accept_empty(out));

    Native array = make(Operation::stream_generate_content);
    EXPECT_EQ(array.feed("[]", out), StreamState::quiet);
    EXPECT_EQ(array.finish(StreamEnd::complete, out), StreamState::failed);
    EXPECT_TRUE(array.accept_empty(out));
    EXPECT_EQ(out.view(), "[]");
}

TEST(FrontNative, AnAnswerIsReadBesideItsBytes)
{
    Native front = make(Operation::generate_content);
    StringOutput out;
    std::string body = "\n{\"candidates\":[{\"finishReason\":3}],"
        "\"usageMetadata\":{\"promptTokenCount\":\"7\"} }\n";

    EXPECT_EQ(front.whole(body, true, out), Whole::written);
    EXPECT_EQ(out.view(), body);
    EXPECT_EQ(front.outcome().usage.prompt_tokens, 7);
    EXPECT_EQ(front.outcome().finish_reason, "content_filter");
}

TEST(FrontNative, WhatIsNoAnswerIsNotPassed)
{
    for (const char *body : {"", " \n", "<html>", "{\"a\":"}) {
        Native front = make(Operation::generate_content);
        StringOutput out;

        EXPECT_EQ(front.whole(body, true, out), Whole::failed) << body;
        EXPECT_EQ(front.error().kind, ErrorKind::upstream_failed);
        EXPECT_EQ(out.view(), "");
    }

    std::string deep = "{\"a\":" + std::string(80, '[') + std::string(80, ']')
        + "}";
    Native front = make(Operation::generate_content);
    StringOutput out;
    EXPECT_EQ(front.whole(deep, true, out), Whole::written);
}

TEST(FrontNative, AnErrorIsUnchangedButForTheKey)
{
    Native front = make(Operation::generate_content);
    front.hide("AQ.secret=");

    std::string body = "{\"error\" : {\"code\":400,\"message\":\"AQ.secret= "
        "AQ.secret\\u003d\"}}\n";
    auto reason = gemini::parse_error(400, body);
    Error told;
    told.kind = ErrorKind::bad_request;
    StringOutput out;

    EXPECT_EQ(front.write_error(told, &reason, body, out), 400);
    EXPECT_EQ(out.view(), "{\"error\" : {\"code\":400,\"message\":"
        "\"[redacted] [redacted]\"}}\n");
}

TEST(FrontNative, WhatIsWrongWithOurKeysIsNotTheClients)
{
    Native front = make(Operation::generate_content);
    std::string body = "{\"error\":{\"code\":403,\"message\":\"leaked\"}}";
    auto reason = gemini::parse_error(403, body);
    Error told;
    told.kind = ErrorKind::credentials_failed;
    told.message = "none";
    StringOutput out;

    EXPECT_EQ(front.write_error(told, &reason, body, out), 503);
    EXPECT_EQ(out.view().find("leaked"), std::string_view::npos);

    told.kind = ErrorKind::rate_limited;
    reason = gemini::parse_error(503, busy);
    StringOutput limited;
    EXPECT_EQ(front.write_error(told, &reason, busy, limited), 429);
}

TEST(FrontNative, EstimatesByTheSizeOfTheBody)
{
    Native front = make(Operation::generate_content);
    StringOutput out;
    std::string text = "{\"a\":\"" + std::string(4000, ' ') + "\"}";

    ASSERT_TRUE(front.read(text));
    ASSERT_TRUE(front.write_body("m", gemini::Api::gemini, out));
    EXPECT_EQ(out.view(), text);
    EXPECT_EQ(front.estimated_tokens(), 1002);

    std::string image = "{\"data\":\"" + std::string(4000000, 'A') + "\"}";
    ASSERT_TRUE(front.read(image));
    ASSERT_TRUE(front.write_body("m", gemini::Api::gemini, out));
    EXPECT_LT(front.estimated_tokens(), 1200);

    Native count = make(Operation::count_tokens);
    ASSERT_TRUE(count.read(text));
    ASSERT_TRUE(count.write_body("m", gemini::Api::gemini, out));
    EXPECT_EQ(count.estimated_tokens(), 0);
}

std::string path_of(const Native &front, const gemini::Place &place)
{
    StringOutput out;
    front.write_path("m", place, out);
    return out.take();
}

constexpr gemini::Place place{gemini::Api::vertex, "ours", "eu"};
constexpr gemini::Apis vertex_only = gemini::only(gemini::Api::vertex);
constexpr gemini::Apis gemini_only = gemini::only(gemini::Api::gemini);

TEST(FrontNative, WhatBothApisHaveBothServe)
{
    Native front = make(Operation::stream_generate_content,
        "alt=sse&key=secret");

    EXPECT_EQ(front.apis(), gemini::every_api);
    EXPECT_EQ(path_of(front, {}),
        "/v1beta/models/m:streamGenerateContent?alt=sse");
    EXPECT_EQ(path_of(front, place), "/v1beta1/projects/ours/locations/eu/"
        "publishers/google/models/m:streamGenerateContent?alt=sse");

    EXPECT_EQ(make(Operation::generate_content).apis(), gemini::every_api);
    EXPECT_EQ(make(Operation::embed_content).apis(), gemini_only);
    EXPECT_EQ(make(Operation::models).apis(), gemini_only);
}

TEST(FrontNative, TheWrappedFormOfCountingIsTheGeminiApis)
{
    Native front = make(Operation::count_tokens);

    ASSERT_TRUE(front.read(R"({"contents":[]})"));
    EXPECT_EQ(front.apis(), gemini::every_api);
    ASSERT_TRUE(front.read(R"({"generateContentRequest":{}})"));
    EXPECT_EQ(front.apis(), gemini_only);
}

TEST(FrontNative, AClientOfVertexIsServedByVertexAlone)
{
    gemini::NativeRoute route;
    route.operation = Operation::generate_content;
    route.model = "m";
    route.vertex = "v1";
    Native front(route, "", max_event, std::pmr::new_delete_resource());

    EXPECT_EQ(front.apis(), vertex_only);
    EXPECT_EQ(path_of(front, place), "/v1/projects/ours/locations/eu/"
        "publishers/google/models/m:generateContent");
}

TEST(FrontNative, AFilmIsAskedForWhereItIsMade)
{
    gemini::NativeRoute route;
    route.operation = Operation::fetch_predict_operation;
    route.model = "m";
    route.vertex = "v1";
    Native front(route, "", max_event, std::pmr::new_delete_resource());
    std::string body = R"({"operationName":"projects/p/locations/l/x/y"})";

    ASSERT_TRUE(front.read(body));
    EXPECT_EQ(front.named_place().project, "p");
    EXPECT_EQ(front.named_place().location, "l");

    StringOutput out;
    ASSERT_TRUE(front.write_body("m", gemini::Api::vertex, out));
    EXPECT_EQ(front.estimated_tokens(), 0);
    EXPECT_TRUE(make(Operation::predict).named_place().project.empty());
}

}
