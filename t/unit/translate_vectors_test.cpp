#include "core/translate/vectors.hpp"

#include "core/base/base64.hpp"

#include <memory_resource>
#include <string>

#include <gtest/gtest.h>

namespace {

using namespace gw;
using openai::EncodingFormat;
using translate::VectorRules;

std::string written(std::string_view values, const VectorRules &rules)
{
    Arena arena(std::pmr::new_delete_resource());
    StringOutput out;

    return translate::write_vector(values, rules, arena, out) ? out.take()
                                                              : "refused";
}

VectorRules rules(EncodingFormat encoding, std::size_t dimensions = 0,
    std::size_t unit_from = 0)
{
    return {encoding, dimensions, unit_from};
}

constexpr auto numbers = EncodingFormat::numbers;
constexpr auto base64_form = EncodingFormat::base64;

TEST(TranslateVectors, NumbersPassLetterByLetter)
{
    EXPECT_EQ(written("[0.10, -2e-05,\n 3 ]", rules(numbers)),
        "[0.10,-2e-05,3]");
    EXPECT_EQ(written("[1,2]", rules(numbers, 2, 2)), "[1,2]");
}

TEST(TranslateVectors, WhatComesUnnormalisedGetsLengthOne)
{
    EXPECT_EQ(written("[3, 4]", rules(numbers, 2, 3)), "[0.6,0.8]");
    EXPECT_EQ(written("[3, 4]", rules(numbers, 0, 3)), "[0.6,0.8]");
    EXPECT_EQ(written("[3, 4, 0]", rules(numbers, 0, 3)), "[3,4,0]");
    EXPECT_EQ(written("[0, 0.0]", rules(numbers, 0, 3)), "[0,0]");
}

TEST(TranslateVectors, WhatIsLongerThanAskedIsCutAndNormalised)
{
    EXPECT_EQ(written("[0.3,0.4,0.5,1]", rules(numbers, 2)), "[0.6,0.8]");
}

TEST(TranslateVectors, WhatIsShorterThanAskedIsRefused)
{
    EXPECT_EQ(written("[0.3,0.4]", rules(numbers, 3)), "refused");
}

TEST(TranslateVectors, Base64IsLittleEndianFloats)
{
    // 1, -2, 0.15625
    EXPECT_EQ(written("[1,-2.0,1.5625e-1]", rules(base64_form)),
        "\"" + base64::encode({"\0\0\x80\x3f\0\0\0\xc0\0\0\x20\x3e", 12})
        + "\"");
    EXPECT_EQ(written("[3,4]", rules(base64_form, 0, 3)),
        "\"" + base64::encode({"\x9a\x99\x19\x3f\xcd\xcc\x4c\x3f", 8})
        + "\"");
    EXPECT_EQ(written("[1]", rules(base64_form)), "\"AACAPw==\"");
}

TEST(TranslateVectors, WhatIsNoVectorIsRefused)
{
    for (auto form : {numbers, base64_form}) {
        for (const char *values : {
                 "", "{}", "7", "\"a\"", "[]", "[ ]", "[null]", "[1,null]",
                 "[\"NaN\"]", "[\"1,2\",3]", "[1,[2,3]]", "[true]", "[{}]"
             })
        {
            EXPECT_EQ(written(values, rules(form)), "refused") << values;
        }
    }

    EXPECT_EQ(written("[1e39]", rules(base64_form)), "refused");
    EXPECT_EQ(written("[-1e999]", rules(numbers, 0, 3)), "refused");
    EXPECT_EQ(written("[1e-999]", rules(base64_form)), "\"AAAAAA==\"");
}

}
