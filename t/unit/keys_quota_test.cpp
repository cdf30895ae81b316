#include "core/keys/quota.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace gw::keys;

std::string text_of(const Limits &limits)
{
    return std::to_string(limits.rpm) + " " + std::to_string(limits.rpd)
        + " " + std::to_string(limits.tpm) + " "
        + std::to_string(limits.tpd);
}

TEST(KeysQuota, AModelsOwnNameComesFirstThenGlobsInOrder)
{
    QuotaRules rules;
    EXPECT_TRUE(rules.empty());

    rules.add("*", { 1, 0, 0, 0 });
    rules.add("gemini-*", { 2, 20, 0, 0 });
    rules.add("gemini-pro", { 3, 0, 300, 0 });
    rules.add("gemini-pro", { 4, 0, 0, 4000 });
    rules.add("gemini-?ro", { 5, 50, 500, 5000 });
    EXPECT_FALSE(rules.empty());

    EXPECT_EQ(text_of(rules.of("gemini-pro")), "3 20 300 4000");
    EXPECT_EQ(text_of(rules.of("gemini-bro")), "1 20 500 5000");
    EXPECT_EQ(text_of(rules.of("gemini-flash")), "1 20 0 0");
    EXPECT_EQ(text_of(rules.of("other")), "1 0 0 0");
    EXPECT_EQ(text_of(QuotaRules().of("other")), "0 0 0 0");
}

TEST(KeysQuota, AFileGivesLimitsByModel)
{
    QuotaRules rules;
    auto read = read_limits(R"({
        "gemini-2.5-pro": {"rpm": 5, "rpd": 100, "tpm": 250000, "tpd": null},
        "gemini-2.5-flash": {"tpm_input": 7, "tpd_input": 8.0e1,
            "input_token_limit": 1048576, "note": {"rpm": "x", "a": [1, {}]}},
        "gemini-3*": {"rpm": 1}, "none": {}, "\u0067em": {"r\u0070m": 9}
    })", rules);

    ASSERT_TRUE(static_cast<bool>(read)) << read.error().message;
    EXPECT_EQ(text_of(rules.of("gemini-2.5-pro")), "5 100 250000 0");
    EXPECT_EQ(text_of(rules.of("gemini-2.5-flash")), "0 0 7 80");
    EXPECT_EQ(text_of(rules.of("gemini-3-pro")), "1 0 0 0");
    EXPECT_EQ(text_of(rules.of("gem")), "9 0 0 0");
    EXPECT_FALSE(rules.of("none").any());
    EXPECT_TRUE(static_cast<bool>(read_limits("{}", rules)));
}

TEST(KeysQuota, AFileWithAnErrorNamesThePlaceAndAddsNothing)
{
    struct {
        const char *text;
        const char *message;
    } cases[] = {
        { R"("m": 1)", "\"m\" is not an object of limits" },
        { R"("m": null)", "\"m\" is not an object of limits" },
        { R"("m": [])", "\"m\" is not an object of limits" },
        { R"("m": {"rpm": 0})",
            "\"m\": \"rpm\" is not a whole number above 0, nor null" },
        { R"("m": {"rpm": -1})",
            "\"m\": \"rpm\" is not a whole number above 0, nor null" },
        { R"("m": {"rpd": 1.5})",
            "\"m\": \"rpd\" is not a whole number above 0, nor null" },
        { R"("m": {"tpm": "5"})",
            "\"m\": \"tpm\" is not a whole number above 0, nor null" },
        { R"("m": {"tpd": true})",
            "\"m\": \"tpd\" is not a whole number above 0, nor null" },
        { R"("m": {"rpm": {}})",
            "\"m\": \"rpm\" is not a whole number above 0, nor null" },
        { R"("m": {"rpm": [1]})",
            "\"m\": \"rpm\" is not a whole number above 0, nor null" },
        { R"("m": {"rpm": 100000000000000000000})",
            "\"m\": \"rpm\" is not a whole number above 0, nor null" },
        { R"("m": {"rpm": 68719476736})", "\"m\": \"rpm\" is too large" },
        { R"("m": {"rpm": 1, "rpm": 1})", "\"m\": \"rpm\" is given twice" },
        { R"("m": {"tpm": null, "tpm_input": 1})",
            "\"m\": \"tpm_input\" is given twice" },
        { R"("m": {}, "m": {})", "\"m\" is given twice" },
        { R"("m": {"note": {}, "rpm": 0})",
            "\"m\": \"rpm\" is not a whole number above 0, nor null" },
        { R"("": {})", "\"\" cannot be the name of a model" }
    };

    for (const auto &c : cases) {
        QuotaRules rules;
        auto read = read_limits(
            std::string("{\"first\": {\"rpm\": 1}, ") + c.text + "}", rules);

        ASSERT_FALSE(static_cast<bool>(read)) << c.text;
        EXPECT_EQ(read.error().message, c.message);
        EXPECT_TRUE(rules.empty()) << c.text;
    }

    for (const char *text : { "", "[]", "{", "{} {}", "5", "{\"m\": {}",
                              "{\"m\": {\"rpm\": 05}}" })
    {
        QuotaRules rules;
        EXPECT_FALSE(static_cast<bool>(read_limits(text, rules))) << text;
        EXPECT_TRUE(rules.empty()) << text;
    }
}

TEST(KeysQuota, AViolationTeachesItsLimit)
{
    struct {
        const char *id;
        const char *metric;
        std::int64_t value;
        const char *lesson;
    } cases[] = {
        { "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
            "generate_content_free_tier_requests", 5, "rpm" },
        { "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
            "generate_content_free_tier_requests", 20, "rpd" },
        { "GenerateContentInputTokensPerModelPerMinute-FreeTier",
            "generate_content_free_tier_input_token_count", 250000, "tpm" },
        { "GenerateContentInputTokensPerModelPerDay-FreeTier",
            "generate_content_free_tier_input_token_count", 6000000, "tpd" },
        { "EmbedContentRequestsPerMinutePerUserPerProjectPerModel-FreeTier",
            "embed_content_free_tier_requests", 100, "rpm" },
        { "", "generate_requests_per_model_per_day", 250, "rpd" },
        { "", "generate_content_free_tier_requests", 250, "" },
        { "GenerateRequestsPerDayPerProjectPerModel", "", 0, "" },
        { "GenerateRequestsPerDayPerProjectPerModel", "", -1, "" },
        { "GenerateRequestsPerDayPerProjectPerModel", "", INT64_MAX, "" },
        { "GenerateRequestsPerMonthPerProject", "", 5, "" },
        { "ImagesPerMinutePerProjectPerModel", "", 5, "" },
        { "GroundingRequestsPerDayPerProject", "", 500, "" },
        { "SearchRequestsPerDayPerProject", "", 500, "" },
        { "TotalCachedContentStorageTokensPerModelPerDay", "", 500, "" },
        { "GenerateContentOutputTokensPerModelPerMinute", "", 500, "" }
    };

    for (const auto &c : cases) {
        gw::gemini::QuotaViolation violation;
        violation.quota_id = c.id;
        violation.metric = c.metric;
        violation.value = c.value;
        auto lesson = lesson_of(violation);

        EXPECT_EQ(lesson ? name_of(lesson->quantity) : "", c.lesson) << c.id;
        EXPECT_EQ(lesson ? lesson->value : c.value, c.value) << c.id;

        violation.value.reset();
        EXPECT_FALSE(lesson_of(violation));
    }
}

TEST(KeysQuota, QuantitiesHaveNames)
{
    for (std::size_t i = 0; i < quantities; ++i) {
        auto quantity = static_cast<Quantity>(i);
        EXPECT_EQ(quantity_of(name_of(quantity)), quantity);
    }

    EXPECT_EQ(name_of(Quantity::tpd), "tpd");
    EXPECT_FALSE(quantity_of("ipm"));
}

}
