#include "core/openai/embeddings.hpp"

#include <memory_resource>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace gw;
using openai::EmbeddingsRequest;

class OpenaiEmbeddings : public testing::Test {
protected:
    EmbeddingsRequest accepted(std::string_view text)
    {
        EmbeddingsRequest request;
        auto parsed = openai::parse(text, arena, request);
        EXPECT_TRUE(parsed) << text << ": "
                            << (parsed ? "" : parsed.error().message);
        return request;
    }

    Error refused(std::string_view text)
    {
        EmbeddingsRequest request;
        auto parsed = openai::parse(text, arena, request);

        if (parsed) {
            ADD_FAILURE() << text;
            return {};
        }

        EXPECT_EQ(parsed.error().kind, ErrorKind::bad_request) << text;
        return parsed.error();
    }

    std::vector<std::string> inputs(std::string_view text)
    {
        std::vector<std::string> found;

        for (const json::String &input : accepted(text).input) {
            found.emplace_back(input.decode(arena));
        }

        return found;
    }

    Arena arena{std::pmr::new_delete_resource()};
};

using Texts = std::vector<std::string>;

TEST_F(OpenaiEmbeddings, OneStringAndManyAreInputs)
{
    EXPECT_EQ(inputs(R"({"model":"m","input":"a\u0062"})"), Texts({"ab"}));
    EXPECT_EQ(inputs(R"({"input":["a"," "],"model":"m"})"),
        Texts({"a", " "}));
    EXPECT_EQ(inputs(R"({"input":["a"],"model":"m","input":["b","c"]})"),
        Texts({"b", "c"}));
    EXPECT_TRUE(accepted(R"({"model":"m","input":"a"})").one_string);
    EXPECT_FALSE(accepted(R"({"model":"m","input":["a"]})").one_string);
}

TEST_F(OpenaiEmbeddings, TokensAreRefusedWithTheWayOut)
{
    for (const char *input : {"[1,2]", "[[1,2],[3]]", "[\"a\",7]", "[[]]"}) {
        Error error = refused(std::string(R"({"model":"m","input":)")
                              + input + "}");
        EXPECT_EQ(error.param, "input") << input;
        EXPECT_NE(error.message.find("check_embedding_ctx_length"),
            std::string::npos) << input;
    }
}

TEST_F(OpenaiEmbeddings, AnEmptyStringIsRefusedByItsIndex)
{
    Error error = refused(R"({"model":"m","input":["a","b",""]})");
    EXPECT_EQ(error.param, "input");
    EXPECT_NE(error.message.find("'input[2]'"), std::string::npos);

    error = refused(R"({"model":"m","input":""})");
    EXPECT_EQ(error.param, "input");
    EXPECT_NE(error.message.find("'input'"), std::string::npos);

    error = refused(R"({"model":"m","input":["a",null,"b"]})");
    EXPECT_EQ(error.param, "input");
    EXPECT_NE(error.message.find("'input[1]'"), std::string::npos);
}

TEST_F(OpenaiEmbeddings, AsManyInputsAsWithOpenAi)
{
    std::string many = R"({"model":"m","input":["a")";

    for (std::size_t i = 1; i < openai::max_inputs; ++i) {
        many += ",\"a\"";
    }

    EXPECT_EQ(accepted(many + "]}").input.size(), openai::max_inputs);
    EXPECT_EQ(refused(many + ",\"a\"]}").param, "input");
}

TEST_F(OpenaiEmbeddings, WhatIsMissingOrWrongIsNamed)
{
    struct Case {
        const char *body;
        const char *param;
    };

    for (const Case &c : {
             Case{R"({"input":"a"})", "model"},
             Case{R"({"model":"m"})", "input"},
             Case{R"({"model":"m","input":null})", "input"},
             Case{R"({"model":"m","input":[]})", "input"},
             Case{R"({"model":"m","input":7})", "input"},
             Case{R"({"model":"m","input":{}})", "input"},
             Case{R"({"model":"m","input":[{}]})", "input[0]"},
             Case{R"({"model":"m","input":"a","dimensions":0})",
                 "dimensions"},
             Case{R"({"model":"m","input":"a","dimensions":4294967296})",
                 "dimensions"},
             Case{R"({"model":"m","input":"a","dimensions":"7"})",
                 "dimensions"},
             Case{R"({"model":"m","input":"a","encoding_format":"hex"})",
                 "encoding_format"},
             Case{R"({"model":"m","input":"a","task_type":1})", "task_type"}
         })
    {
        EXPECT_EQ(refused(c.body).param, c.param) << c.body;
    }
}

TEST_F(OpenaiEmbeddings, TheEncodingIsFloatUnlessAskedOtherwise)
{
    EXPECT_EQ(accepted(R"({"model":"m","input":"a"})").encoding(),
        openai::EncodingFormat::numbers);
    EXPECT_EQ(accepted(
        R"({"model":"m","input":"a","encoding_format":"float"})").encoding(),
        openai::EncodingFormat::numbers);
    EXPECT_EQ(accepted(
        R"({"model":"m","input":"a","encoding_format":"base64"})").encoding(),
        openai::EncodingFormat::base64);
}

TEST_F(OpenaiEmbeddings, GooglesOwnFieldsStandWhereClientsPutThem)
{
    for (const char *rest : {
             R"("task_type":"CLUSTERING","title":"t","dimensions":5)",
             R"("taskType":"CLUSTERING","title":"t","dimensions":5)",
             R"("google":{"task_type":"CLUSTERING","title":"t",)"
             R"("output_dimensionality":5})",
             R"("dimensions":9,"extra_body":{"google":{"taskType":)"
             R"("CLUSTERING","title":"t","outputDimensionality":5}})"
         })
    {
        EmbeddingsRequest request = accepted(
            std::string(R"({"model":"m","input":"a",)") + rest + "}");
        EXPECT_TRUE(request.task_type.is("CLUSTERING")) << rest;
        EXPECT_TRUE(request.title.is("t")) << rest;
        EXPECT_EQ(request.dimensions, 5) << rest;
    }
}

}
