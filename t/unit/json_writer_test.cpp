// What goes out: commas, escapes, and nothing that is not text.
#include "core/json/writer.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>

namespace {

using namespace gw;

TEST(JsonWriter, PutsCommasWhereTheyBelong)
{
    StringOutput out;
    json::Writer writer(out);

    writer.begin_object()
        .key("a").number(-1)
        .key("b").begin_array().string("x").boolean(true).null()
            .begin_object().end_object().begin_array().end_array()
        .end_array()
        .key("c").begin_object().key("d").raw("[1, 2]").end_object()
        .key("e").boolean(false)
        .end_object();

    EXPECT_EQ(out.view(),
        R"({"a":-1,"b":["x",true,null,{},[]],"c":{"d":[1, 2]},"e":false})");
}

TEST(JsonWriter, EscapesWhatJsonAsksForAndNoMore)
{
    struct Case {
        std::string_view plain;
        const char *json;
    };

    for (const Case &c : {
             Case{"", R"("")"},
             Case{"plain /", R"("plain /")"},
             Case{"a\"b\\c", R"("a\"b\\c")"},
             Case{"\b\f\n\r\t", R"("\b\f\n\r\t")"},
             Case{std::string_view("\0\x01\x1f\x7f", 4),
                 "\"\\u0000\\u0001\\u001f\x7f\""},
             Case{"\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80",
                 "\"\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\""},
             Case{"a\xff" "b", "\"a\xef\xbf\xbd" "b\""},
             Case{"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
             Case{"\xed\xa0\x80",
                 "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
         })
    {
        StringOutput out;
        json::Writer(out).string(c.plain);
        EXPECT_EQ(out.view(), c.json);
    }
}

TEST(JsonWriter, ReplacesHalvesOfSurrogatePairs)
{
    struct Case {
        const char *raw;
        const char *json;
    };

    for (const Case &c : {
             Case{R"(a\nb)", R"("a\nb")"},
             Case{R"(\ud83d\ude00)", R"("\ud83d\ude00")"},
             Case{R"(\ud83d)", R"("\ufffd")"},
             Case{R"(\uDE00)", R"("\ufffd")"},
             Case{R"(a\uD83Db)", R"("a\ufffdb")"},
             Case{R"(\ud83d\ud83d\ude00\ude00)",
                 R"("\ufffd\ud83d\ude00\ufffd")"},
             Case{R"(\\ud83d)", R"("\\ud83d")"},
             Case{R"(\\\ud83d)", R"("\\\ufffd")"},
             Case{R"(\ud7ff\ue000\udada)", R"("\ud7ff\ue000\ufffd")"},
             Case{R"(\d)", R"("\d")"},
         })
    {
        StringOutput out;
        json::Writer(out).text(json::String(c.raw, true));
        EXPECT_EQ(out.view(), c.json);
    }
}

TEST(JsonWriter, PlainTextIsCopiedAsItStood)
{
    StringOutput out;
    json::Writer writer(out);
    std::string longer(2 * Output::refer_from, 'x');

    writer.begin_array()
        .text(json::String("ud83d"))
        .lasting_text(json::String(longer))
        .lasting_raw("1")
        .end_array();

    EXPECT_EQ(out.view(), "[\"ud83d\",\"" + longer + "\",1]");
}

}
