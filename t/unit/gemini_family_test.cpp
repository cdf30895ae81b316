#include "core/gemini/family.hpp"

#include <string>

#include <gtest/gtest.h>

namespace {

using namespace gw::gemini;

TEST(GeminiFamily, IdsFindTheirFamily)
{
    struct Case {
        const char *model;
        const char *family;
    };

    for (const Case &c : {
             Case{"gemini-1.5-pro", "1.5"},
             Case{"gemini-2.0-flash", "2.0"},
             Case{"gemini-2.5-pro", "2.5-pro"},
             Case{"gemini-2.5-pro-preview-06-05", "2.5-pro"},
             Case{"gemini-2.5-flash", "2.5-flash"},
             Case{"gemini-2.5-flash-lite", "2.5-flash-lite"},
             Case{"gemini-2.5-flash-image", "2-image"},
             Case{"gemini-2.5-flash-preview-tts", "speech"},
             Case{"gemini-3-pro-preview", "3-pro"},
             Case{"gemini-3.1-pro-preview", "3.1-pro"},
             Case{"gemini-3-pro-image", "3-image"},
             Case{"gemini-3.1-flash-image", "3-image"},
             Case{"gemini-3.1-flash-lite-image", "3-lite-image"},
             Case{"gemini-3-flash-preview", "3-flash"},
             Case{"gemini-3.1-flash-lite", "3-flash-lite"},
             Case{"gemini-3.5-flash-lite", "3.5-flash-lite"},
             Case{"gemini-flash-lite-latest", "3.5-flash-lite"},
             Case{"gemini-3.5-flash", "3.5-flash"},
             Case{"gemini-3.6-flash", "3.6-flash"},
             Case{"gemini-3.7-flash", "3.6-flash"},
             Case{"gemini-3.8-flash", "3.6-flash"},
             Case{"gemini-4-argon", "4"}, Case{"gemini-4-neon", "4"},
             Case{"gemma-3-27b-it", "gemma-3"},
             Case{"gemma-3n-e4b-it", "gemma-3"},
             Case{"gemma-4-31b", "gemma-4"} })
    {
        EXPECT_EQ(family_of(c.model).name, c.family) << c.model;
    }
}

TEST(GeminiFamily, UnknownNamesAreTreatedAsTheNewest)
{
    for (const char *model : {"gemini-5-xenon", "gemini-pro-latest",
             "gemini-flash-latest", "something", "", "tunedModels/x"})
    {
        EXPECT_EQ(&family_of(model), &family_of("gemini-4-argon")) << model;
    }
}

TEST(GeminiFamily, EachThinkingControlHasWhatItNeeds)
{
    for (const char *model : {"gemini-2.0-flash", "gemini-2.5-pro",
             "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-3-pro",
             "gemini-3.1-pro", "gemini-3-flash", "gemini-3.5-flash",
             "gemini-3.8-flash", "gemini-4-argon", "gemma-3-1b", "gemma-4",
             "gemini-2.5-flash-image", "gemini-3.1-flash-lite-image"})
    {
        const Family &family = family_of(model);

        EXPECT_EQ(family.levels != 0,
            family.thinking == ThinkingControl::level) << model;
        EXPECT_EQ(family.budget_max != 0,
            family.thinking == ThinkingControl::budget) << model;
        EXPECT_LE(family.budget_min, family.budget_max) << model;
        EXPECT_GT(family.unary_output_tokens, 0) << model;
        EXPECT_GE(family.output_tokens, family.unary_output_tokens) << model;
    }
}

TEST(GeminiFamily, WhatServersRefuseIsNotOffered)
{
    EXPECT_FALSE(family_of("gemini-2.5-pro").budget_zero);
    EXPECT_EQ(family_of("gemini-2.5-pro").budget_min, 128);
    EXPECT_TRUE(family_of("gemini-2.5-flash").budget_zero);
    EXPECT_EQ(family_of("gemini-2.5-flash-lite").budget_min, 512);
    EXPECT_FALSE(family_of("gemini-2.5-flash").tools_with_json);

    EXPECT_EQ(family_of("gemini-3-pro-preview").levels,
        level_low | level_high);
    EXPECT_TRUE(family_of("gemini-3-pro-preview").trailing_model_turn);
    EXPECT_EQ(family_of("gemini-3.8-flash").levels & level_minimal, 0);
    EXPECT_FALSE(family_of("gemini-3.6-flash").trailing_model_turn);
    EXPECT_TRUE(family_of("gemini-3.5-flash").trailing_model_turn);
    EXPECT_FALSE(family_of("gemini-3.8-flash").sampling);
    EXPECT_FALSE(family_of("gemma-3-4b").system_instruction);

    const Family &newest = family_of("gemini-4-argon");
    EXPECT_EQ(newest.thinking, ThinkingControl::level);
    EXPECT_FALSE(newest.candidates);
    EXPECT_FALSE(newest.penalties);
    EXPECT_TRUE(newest.signatures);
    EXPECT_TRUE(newest.function_call_ids);
    EXPECT_EQ(newest.unary_output_tokens, 32768);
}

TEST(GeminiFamily, WrappingsComeOff)
{
    for (const char *name : {"gemini-x", "models/gemini-x",
             "google/gemini-x", "publishers/google/models/gemini-x",
             "gemini/gemini-x", "gemini/models/gemini-x"})
    {
        EXPECT_EQ(bare_model(name), "gemini-x") << name;
    }

    EXPECT_EQ(bare_model("openai/gpt"), "openai/gpt");
    EXPECT_EQ(bare_model("models/"), "");
    EXPECT_EQ(bare_model("modelsx/y"), "modelsx/y");
}

TEST(GeminiFamily, OnlyHarmlessIdsAreValid)
{
    for (const char *id : {"gemini-2.5-pro", "a", "gemma-3-27b-it",
             "x@001", "A_b.c:1", "tunedModels/my-model-1",
             "gemini-2.5-flash-preview-05-20"})
    {
        EXPECT_TRUE(valid_model(id)) << id;
    }

    for (const char *id : {"", ".", "..", "a..b", "a/b", "tunedModels/",
             "tunedModels/a/b", "tunedModels/..", "/a", "a/", "a b", "a%2f",
             "a?b", "a#b", "a\n", "x:generateContent", "x:", "gemini\xc3\xa9",
             "a\\b"})
    {
        EXPECT_FALSE(valid_model(id)) << id;
    }

    EXPECT_TRUE(valid_model(std::string(128, 'a')));
    EXPECT_FALSE(valid_model(std::string(129, 'a')));
    EXPECT_FALSE(valid_model(std::string_view("a\0b", 3)));
}

}
