#include "core/front/embeddings.hpp"

#include <memory_resource>
#include <string>

#include <gtest/gtest.h>

namespace {

using namespace gw;
using front::Embeddings;
using front::Whole;

constexpr std::string_view model = "gemini-embedding-2";

class FrontEmbeddings : public testing::Test {
protected:
    void read(const std::string &text)
    {
        body = text;
        auto read = front.read(body);
        ASSERT_TRUE(read) << read.error().message;
    }

    Error refused(const std::string &text)
    {
        Embeddings other(std::pmr::new_delete_resource());
        auto read = other.read(text);
        EXPECT_FALSE(read) << text;
        return read ? Error{} : read.error();
    }

    std::string asked(std::string_view of = model,
        gemini::Api api = gemini::Api::gemini)
    {
        StringOutput out;
        EXPECT_TRUE(front.write_body(of, api, out));
        return out.take();
    }

    Whole answer(std::string_view text)
    {
        StringOutput out;
        Whole whole = front.whole(text, false, out);

        if (whole == Whole::written || whole == Whole::more) {
            said += out.take();
        }

        return whole;
    }

    std::string explained(std::string message, std::string field = {})
    {
        gemini::UpstreamError upstream;
        upstream.field = std::move(field);
        Error error;
        error.kind = ErrorKind::bad_request;
        error.message = std::move(message);
        error.param = "contents";
        front.explain(upstream, error);
        return error.param + ": " + error.message;
    }

    Embeddings front{std::pmr::new_delete_resource()};
    std::string body;
    std::string said;
};

std::string many(std::size_t count)
{
    std::string text = R"({"model":"m","input":[)";

    for (std::size_t i = 0; i < count; ++i) {
        text += (i == 0 ? "\"t" : ",\"t") + std::to_string(i) + "\"";
    }

    return text + "]}";
}

std::string vectors(std::size_t count, const std::string &rest = {})
{
    std::string text = "{\"embeddings\":[";

    for (std::size_t i = 0; i < count; ++i) {
        text += i == 0 ? "{\"values\":[1]}" : ",{\"values\":[1]}";
    }

    return text + "]" + rest + "}";
}

TEST_F(FrontEmbeddings, EachInputIsARequestOfABatch)
{
    read(R"({"model":"x","input":["a","b\n"],"dimensions":64,)"
         R"("task_type":"retrieval_document","title":"T"})");
    EXPECT_EQ(front.requested_model(), "x");

    std::string rest = R"(]},"taskType":"RETRIEVAL_DOCUMENT","title":"T",)"
                       R"("outputDimensionality":64})";
    std::string head = R"({"model":"models/gemini-embedding-2","content":)"
                       R"({"parts":[{"text":)";

    EXPECT_EQ(asked(), R"({"requests":[)" + head + R"("a"})" + rest + ","
                           + head + R"("b\n"})" + rest + "]}");
    EXPECT_GT(front.estimated_tokens(), 0);

    StringOutput path;
    front.write_path(model, {}, path);
    EXPECT_EQ(path.view(),
        "/v1beta/models/gemini-embedding-2:batchEmbedContents");
}

TEST_F(FrontEmbeddings, VertexEmbedsOneContentACall)
{
    read(R"({"model":"x","input":["a","b"],"dimensions":2,)"
         R"("task_type":"retrieval_document","title":"T"})");

    EXPECT_EQ(asked(model, gemini::Api::vertex),
        R"({"content":{"role":"user","parts":[{"text":"a"}]},)"
        R"("embedContentConfig":{"taskType":"RETRIEVAL_DOCUMENT",)"
        R"("title":"T","outputDimensionality":2}})");
    EXPECT_EQ(answer(R"({"embedding":{"values":[1,0]},)"
                     R"("usageMetadata":{"promptTokenCount":3}})"),
        Whole::more);
    EXPECT_NE(asked(model, gemini::Api::vertex).find(R"("text":"b")"),
        std::string::npos);
    EXPECT_EQ(answer(R"({"embedding":{"values":[0,1]},)"
                     R"("usageMetadata":{"promptTokenCount":4}})"),
        Whole::written);
    EXPECT_EQ(said,
        R"({"object":"list","data":[{"object":"embedding","index":0,)"
        R"("embedding":[1,0]},{"object":"embedding","index":1,)"
        R"("embedding":[0,1]}],"model":"x",)"
        R"("usage":{"prompt_tokens":7,"total_tokens":7}})");
}

TEST_F(FrontEmbeddings, OlderModelsOfVertexPredict)
{
    read(R"({"model":"x","input":["a","b"],"dimensions":2,)"
         R"("task_type":"retrieval_document","title":"T"})");

    EXPECT_EQ(asked("text-embedding-005", gemini::Api::vertex),
        R"({"instances":[{"content":"a","task_type":"RETRIEVAL_DOCUMENT",)"
        R"("title":"T"},{"content":"b","task_type":"RETRIEVAL_DOCUMENT",)"
        R"("title":"T"}],"parameters":{"outputDimensionality":2}})");
    EXPECT_EQ(answer(R"({"predictions":[{"embeddings":{"statistics":)"
                     R"({"truncated":false,"token_count":2},"values":[1,0]}},)"
                     R"({"embeddings":{"values":[0,1],"statistics":)"
                     R"({"token_count":5}}}],"metadata":{}})"),
        Whole::written);
    EXPECT_EQ(front.counted_tokens(), 7);
    EXPECT_NE(said.find(R"("index":1,"embedding":[0,1])"),
        std::string::npos) << said;

    EXPECT_EQ(asked("gemini-embedding-001", gemini::Api::vertex).find(
        R"("content":"b")"), std::string::npos) << "one instance a call";
}

TEST_F(FrontEmbeddings, APartIsWhatTheApiInHandTakes)
{
    read(many(300));
    asked("text-embedding-005", gemini::Api::vertex);
    EXPECT_EQ(answer(vectors(100)), Whole::failed);

    // The try moves on to a key of the Gemini API.
    asked("text-embedding-005");
    EXPECT_EQ(answer(vectors(100)), Whole::more);
    EXPECT_NE(asked("text-embedding-005", gemini::Api::vertex).find(
        R"({"content":"t299"})"), std::string::npos);
    EXPECT_EQ(answer(vectors(200)), Whole::written);
}

TEST_F(FrontEmbeddings, APredictionWithoutAVectorIsAnError)
{
    for (const char *text : {R"({"predictions":[{}]})",
             R"({"predictions":[{"embeddings":{}}]})",
             R"({"predictions":[null]})", R"({"predictions":[]})",
             R"({"predictions":[{"embeddings":{"values":7}}]})",
             R"({"embedding":[]})", R"({"embedding":{}})"})
    {
        read(R"({"model":"x","input":"a"})");
        asked("text-embedding-005", gemini::Api::vertex);
        EXPECT_EQ(answer(text), Whole::failed) << text;
    }
}

TEST_F(FrontEmbeddings, TheAnswerIsAList)
{
    read(R"({"model":"my model","input":"a"})");
    asked();
    EXPECT_EQ(answer(R"({"embeddings":[{"values":[ 0.5, 1 ]}],)"
                     R"("usageMetadata":{"promptTokenCount":7}})"),
        Whole::written);
    EXPECT_EQ(said,
        R"({"object":"list","data":[{"object":"embedding","index":0,)"
        R"("embedding":[0.5,1]}],"model":"my model",)"
        R"("usage":{"prompt_tokens":7,"total_tokens":7}})");
    EXPECT_EQ(front.outcome().usage.prompt_tokens, 7);
    EXPECT_EQ(front.counted_tokens(), 7);
}

TEST_F(FrontEmbeddings, TokensAreEstimatedWhenUpstreamDoesNotSay)
{
    read(R"({"model":"m","input":"How many words are these?"})");
    asked();
    ASSERT_EQ(answer(vectors(1)), Whole::written);
    EXPECT_TRUE(front.outcome().has_usage);
    EXPECT_EQ(front.outcome().usage.prompt_tokens, front.estimated_tokens());
    EXPECT_FALSE(front.counted_tokens());
}

TEST_F(FrontEmbeddings, MoreThanABatchGoesInPartsAndComesAsOne)
{
    read(many(250));
    EXPECT_NE(asked().find("\"t99\""), std::string::npos);
    EXPECT_EQ(asked().find("\"t100\""), std::string::npos);
    EXPECT_EQ(answer(vectors(100,
        ",\"usageMetadata\":{\"promptTokenCount\":1000}")), Whole::more);
    EXPECT_EQ(front.counted_tokens(), 1000);

    std::string second = asked();
    EXPECT_EQ(second.find("\"t99\""), std::string::npos);
    EXPECT_NE(second.find("\"t100\""), std::string::npos);
    EXPECT_EQ(second.find("\"t200\""), std::string::npos);

    // A try that fails does not lose what came before.
    front.start_over();
    EXPECT_FALSE(front.counted_tokens());
    EXPECT_EQ(answer(vectors(99)), Whole::failed);
    front.start_over();
    EXPECT_EQ(asked(), second);
    EXPECT_EQ(answer(vectors(100,
        ",\"usageMetadata\":{\"promptTokenCount\":200}")), Whole::more);

    front.start_over();
    asked();
    EXPECT_EQ(answer(vectors(50,
        ",\"usageMetadata\":{\"promptTokenCount\":30}")), Whole::written);
    EXPECT_EQ(front.outcome().usage.prompt_tokens, 1230);

    for (std::size_t i : {0, 99, 100, 199, 200, 249}) {
        EXPECT_NE(said.find("\"index\":" + std::to_string(i) + ","),
            std::string::npos) << i;
    }

    EXPECT_EQ(said.find("\"index\":250"), std::string::npos);
    EXPECT_EQ(said.find("{\"object\":\"list\""), 0u);
    EXPECT_EQ(said.find("{\"object\":\"list\"", 1), std::string::npos);
}

TEST_F(FrontEmbeddings, AnotherNumberOfVectorsThanInputsIsNoAnswer)
{
    read(many(2));
    asked();

    for (std::string text : {vectors(1), vectors(3), std::string("{}")}) {
        EXPECT_EQ(answer(text), Whole::failed) << text;
        EXPECT_EQ(front.error().kind, ErrorKind::upstream_failed);
        EXPECT_EQ(front.error().code, "upstream_invalid_response");
        front.start_over();
    }

    EXPECT_EQ(answer("[]"), Whole::failed);
    EXPECT_EQ(front.error().kind, ErrorKind::upstream_failed);
    EXPECT_EQ(answer(R"({"embeddings":[{"values":[1]},{}]})"),
        Whole::failed);
    EXPECT_NE(front.error().message.find("input[1]"), std::string::npos);
}

TEST_F(FrontEmbeddings, AnErrorInATwoHundredIsUpstreams)
{
    read(many(1));
    asked();
    EXPECT_EQ(answer(R"({"error":{"code":429,"message":"no",)"
                     R"("status":"RESOURCE_EXHAUSTED"}})"), Whole::failed);
    ASSERT_NE(front.upstream_error(), nullptr);
    EXPECT_EQ(front.upstream_error()->code, 429);
    front.start_over();
    EXPECT_EQ(front.upstream_error(), nullptr);
}

TEST_F(FrontEmbeddings, OpenAisModelsHaveTheirDimensions)
{
    read(R"({"model":"text-embedding-3-small","input":"a"})");
    EXPECT_NE(asked().find("\"outputDimensionality\":1536"),
        std::string::npos);

    read(R"({"model":"text-embedding-3-small","input":"a","dimensions":8})");
    EXPECT_NE(asked().find("\"outputDimensionality\":8"),
        std::string::npos);
}

TEST_F(FrontEmbeddings, ShortVectorsOfTheFirstModelAreNormalised)
{
    read(R"({"model":"m","input":"a","dimensions":2})");
    asked("gemini-embedding-001");
    ASSERT_EQ(answer(R"({"embeddings":[{"values":[3,4]}]})"),
        Whole::written);
    EXPECT_NE(said.find("[0.6,0.8]"), std::string::npos);
}

TEST_F(FrontEmbeddings, TasksAndTitlesAreGooglesOwn)
{
    EXPECT_EQ(refused(R"({"model":"m","input":"a","task_type":"x"})").param,
        "task_type");
    EXPECT_EQ(refused(R"({"model":"m","input":"a","title":"x"})").param,
        "title");
    EXPECT_EQ(refused(R"({"model":"m","input":"a","title":"x",)"
                      R"("task_type":"CLUSTERING"})").param, "title");
}

TEST_F(FrontEmbeddings, UpstreamsComplaintsNameTheClientsInput)
{
    read(many(150));
    asked();

    EXPECT_EQ(explained("* BatchEmbedContentsRequest.requests[3].content: "
                        "content is empty"),
        "input: * input[3].content: content is empty");
    EXPECT_EQ(explained("Invalid value at 'requests[3].title' (x), "
                        "requests[4].title"),
        "title: Invalid value at 'input[3].title' (x), input[4].title");
    EXPECT_EQ(explained("Bad.",
        "requests[99].output_dimensionality"),
        "dimensions: Bad. (input[99])");
    EXPECT_EQ(explained("requests[], requests[x], requests[1000], "
                        "requests[7"),
        "contents: requests[], requests[x], requests[1000], requests[7");

    ASSERT_EQ(answer(vectors(100)), Whole::more);
    EXPECT_EQ(explained("requests[3].content"), "input: input[103].content");
}

}
