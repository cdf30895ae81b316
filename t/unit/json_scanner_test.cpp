#include "core/json/scanner.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace {

using gw::json::Scanner;
using Problem = Scanner::Problem;

TEST(JsonScanner, FindsTheEndOfAStringOfAnyLengthWherever)
{
    for (std::size_t before = 0; before < 20; ++before) {
        for (std::size_t size = 0; size < 70; ++size) {
            std::string text = std::string(before, ' ') + '"'
                + std::string(size, 'x') + "\",\"more\"" ;
            Scanner scanner(text);
            std::string_view inside;
            bool escaped = true;

            ASSERT_EQ(scanner.peek(), '"');
            ASSERT_TRUE(scanner.string(inside, escaped));
            EXPECT_EQ(inside, std::string(size, 'x'));
            EXPECT_FALSE(escaped);
            EXPECT_EQ(scanner.position(), before + size + 2);
        }
    }
}

TEST(JsonScanner, FindsWhatEndsOrBreaksAStringAtAnyPlace)
{
    struct Case {
        const char *odd;
        bool taken;
        Problem problem;
    };

    for (const Case &c : {Case{"\\n", true, Problem::none},
             Case{"\\u00e9", true, Problem::none},
             Case{"\xc3\xa9", true, Problem::none},
             Case{"\xf0\x9f\x98\x80", true, Problem::none},
             Case{"\x7f", true, Problem::none},
             Case{"\x01", false, Problem::invalid},
             Case{"\n", false, Problem::invalid},
             Case{"\x1f", false, Problem::invalid},
             Case{"\\x", false, Problem::invalid},
             Case{"\\u00g0", false, Problem::invalid},
             Case{"\xff", false, Problem::not_utf8},
             Case{"\xc0\xaf", false, Problem::not_utf8},
             Case{"\xed\xa0\x80", false, Problem::not_utf8}})
    {
        for (std::size_t before = 0; before < 40; ++before) {
            std::string inside = std::string(before, 'a') + c.odd
                                 + std::string(20, 'b');
            std::string text = '"' + inside + '"';
            Scanner scanner(text);
            std::string_view found;
            bool escaped = false;

            ASSERT_EQ(scanner.string(found, escaped), c.taken) << text;
            EXPECT_EQ(scanner.problem(), c.problem) << text;

            if (c.taken) {
                EXPECT_EQ(found, inside);
                EXPECT_EQ(escaped, *c.odd == '\\');
            }
        }
    }
}

TEST(JsonScanner, AStringThatIsCutOffIsUnfinishedAtItsEnd)
{
    std::string whole = "\"" + std::string(40, 'x') + "\\u00e9\"";

    for (std::size_t size = 1; size < whole.size(); ++size) {
        std::string_view text = std::string_view(whole).substr(0, size);
        Scanner scanner(text);
        std::string_view inside;
        bool escaped;

        EXPECT_FALSE(scanner.string(inside, escaped));
        EXPECT_EQ(scanner.problem(), Problem::unfinished);
        EXPECT_EQ(scanner.position(), size);
    }
}

TEST(JsonScanner, ReadsNumbersAsTheGrammarHasThem)
{
    struct Case {
        const char *text;
        const char *digits;         // null: it is none
    };

    for (const Case &c : {Case{"0", "0"}, Case{"-0", "-0"},
             Case{"01", "0"}, Case{"12,", "12"}, Case{"-1.50]", "-1.50"},
             Case{"1e5", "1e5"}, Case{"1E+05 ", "1E+05"},
             Case{"2.5e-3}", "2.5e-3"}, Case{"-", nullptr},
             Case{"-x", nullptr}, Case{"1.", nullptr}, Case{"1.e5", nullptr},
             Case{"1e", nullptr}, Case{"1e+", nullptr}})
    {
        Scanner scanner(c.text);
        std::string_view digits;

        ASSERT_EQ(scanner.number(digits), c.digits != nullptr) << c.text;

        if (c.digits != nullptr) {
            EXPECT_EQ(digits, c.digits);
        }
    }
}

TEST(JsonScanner, SkipsWhatIsWellFormedAndNoDeeperThanAllowed)
{
    for (const char *text : {"{}", "[]", "[1,[2,{\"a\":[]}],null]",
             "{\"a\":\"]}\",\"b\":{\"c\":[true,false]}}", " [ 1 , 2 ] "})
    {
        Scanner scanner(text);
        (void) scanner.peek();
        EXPECT_TRUE(scanner.skip(4)) << text;
    }

    for (const char *text : {"{", "[1,]", "{\"a\"}", "{\"a\":}", "{,}",
             "[1 2]", "{\"a\":1,}", "[}", "{\"a\":1]", "{1:2}", "[tru]"})
    {
        Scanner scanner(text);
        EXPECT_FALSE(scanner.skip(4)) << text;
        EXPECT_FALSE(scanner.too_deep());
        EXPECT_NE(scanner.problem(), Problem::none);
    }

    std::string deep = std::string(64, '[') + std::string(64, ']');
    Scanner deep_enough(deep);
    EXPECT_TRUE(deep_enough.skip(64));
    Scanner too_deep(deep);
    EXPECT_FALSE(too_deep.skip(63));
    EXPECT_TRUE(too_deep.too_deep());
}

}
