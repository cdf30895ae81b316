// Events out of bytes, the same ones however the bytes are cut.
#include "core/sse/splitter.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace gw;

using Step = sse::Splitter::Step;
using Events = std::vector<std::string>;

Events split(const std::vector<std::string_view> &pieces,
    std::size_t max_event = 1024)
{
    sse::Splitter splitter(max_event);
    Events events;
    std::string_view data;

    for (std::string_view bytes : pieces) {
        // A copy of its own, so that a sanitizer sees a view kept too long.
        std::string piece(bytes);
        std::string_view rest = piece;
        Step step;

        while ((step = splitter.next(rest, data)) != Step::more) {
            if (step == Step::too_large) {
                events.emplace_back("too large");
                return events;
            }

            events.push_back((step == Step::bare_json ? "bare " : "")
                             + std::string(data));
        }

        EXPECT_TRUE(rest.empty());
    }

    switch (splitter.finish(data)) {
    case Step::event:
        events.push_back("end " + std::string(data));
        break;
    case Step::too_large:
        events.emplace_back("too large");
        break;
    default:
        break;
    }

    return events;
}

void expect_for_every_cut(std::string_view in, const Events &events,
    const char *name, std::size_t max_event = 1024)
{
    for (std::size_t i = 0; i <= in.size(); ++i) {
        EXPECT_EQ(split({in.substr(0, i), in.substr(i)}, max_event), events)
            << name << " cut at " << i;

        for (std::size_t j = i; j <= in.size() && in.size() < 100; ++j) {
            EXPECT_EQ(split({in.substr(0, i), in.substr(i, j - i),
                          in.substr(j)}, max_event), events)
                << name << " cut at " << i << " and " << j;
        }
    }

    std::vector<std::string_view> bytes;

    for (std::size_t i = 0; i < in.size(); ++i) {
        bytes.push_back(in.substr(i, 1));
    }

    EXPECT_EQ(split(bytes, max_event), events) << name << " byte by byte";
}

TEST(SseSplitter, GivesTheSameEventsForEveryCut)
{
    struct Case {
        const char *name;
        std::string in;
        Events events;
    };

    for (const Case &c : {
             Case{"nothing", "", {}},
             Case{"crlf", "data: {\"a\":1}\r\n\r\ndata: {\"b\":2}\r\n\r\n"
                          "data: {\"c\":3}\r\n\r\n",
                 {"{\"a\":1}", "{\"b\":2}", "{\"c\":3}"}},
             Case{"lf", "data: a\n\ndata: b\n\ndata: c\n\n", {"a", "b", "c"}},
             Case{"cr", "data: a\r\rdata: b\r\r", {"a", "b"}},
             Case{"mixed ends", "data: a\r\n\ndata: b\n\r\ndata: c\r\r\n"
                                "data: d\n\r",
                 {"a", "b", "c", "d"}},
             Case{"no space", "data:a\n\ndata:  b\n\n", {"a", " b"}},
             Case{"code points", "data: \xf0\x9f\x98\x80\xe4\xbd\xa0\r\n\r\n",
                 {"\xf0\x9f\x98\x80\xe4\xbd\xa0"}},
             Case{"unicode line ends",
                 "data: \xe2\x80\xa8\xe2\x80\xa9\xc2\x85\x0b\x0c\x1e\n\n",
                 {"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85\x0b\x0c\x1e"}},
             Case{"comments", ": ping\n\n:\ndata: a\n: in between\n\n:data: x"
                              "\n\n", {"a"}},
             Case{"other fields", "event: e\nid: 1\nretry: 5\ndata: a\n"
                                  "dataset: x\ndat: x\n Data: x\n\nevent: f"
                                  "\n\n", {"a"}},
             Case{"several lines", "data: a\ndata:b\ndata:  c\n\n",
                 {"a\nb\n c"}},
             Case{"two objects", "data: {\"a\":1}\r\ndata: {\"b\":2}\r\n\r\n",
                 {"{\"a\":1}\n{\"b\":2}"}},
             Case{"empty data", "data:\n\ndata: \n\ndata\n\ndata: a\n\n",
                 {"a"}},
             Case{"empty lines of data", "data:\ndata: a\ndata\n\n",
                 {"\na\n"}},
             Case{"done of a relay", "data: a\n\ndata: [DONE]\n\n",
                 {"a", "[DONE]"}},
             Case{"blank lines", "\n\r\n\rdata: a\n\n\n\r\n", {"a"}},
             Case{"no blank line", "data: a\n\ndata: b\n", {"a", "end b"}},
             Case{"no line end", "data: a\n\ndata: b", {"a", "end b"}},
             Case{"name only at the end", "data: a\ndata", {"end a\n"}},
             Case{"cut in a name", "data: a\n\ndat", {"a"}},
             Case{"bom", "\xef\xbb\xbf" "data: a\n\n", {"a"}},
             Case{"bom later", "data: a\n\n\xef\xbb\xbf" "data: b\n\n", {"a"}},
             Case{"half a bom", "\xef\xbb" "data: a\n\ndata: b\n\n", {"b"}},
             Case{"html", "<!DOCTYPE html>\n<p>{\"a\":1}\n", {}},
             Case{"bare error",
                 "data: a\r\n\r\ndata: b\r\n\r\n{\n  \"error\": {\n    "
                 "\"code\": 503\n  }\n}\n",
                 {"a", "b",
                     "bare {\n  \"error\": {\n    \"code\": 503\n  }\n}"}},
             Case{"bare array", "[{\"a\":1}\n,\r\n{\"b\":\"}\"}\n]\n",
                 {"bare {\"a\":1}", "bare {\"b\":\"}\"}"}},
             Case{"bare after a bom", "\xef\xbb\xbf{}", {"bare {}"}},
             Case{"bare cut off", "data: a\n\n{\"error\":", {"a"}},
             Case{"brace within an event", "data: a\n{\ndata: b\n\n",
                 {"a\nb"}},
         })
    {
        expect_for_every_cut(c.in, c.events, c.name);
    }
}

TEST(SseSplitter, ALimitHoldsForEveryCut)
{
    constexpr std::size_t max = 16;
    const std::string full(max, 'x');
    const std::string half(max / 2, 'x');

    expect_for_every_cut("data: " + full + "\n\ndata:" + full + "\n\n",
        {full, full}, "full", max);
    expect_for_every_cut("data: a\n\ndata: " + full + "x\n\n",
        {"a", "too large"}, "one more", max);
    expect_for_every_cut("data: " + half + "\ndata: " + half + "\n\n",
        {"too large"}, "two lines", max);
    expect_for_every_cut("data: " + full + "\ndata\n\n", {"too large"},
        "an empty line", max);
    expect_for_every_cut(":" + full + full + "\nevent: " + full + full
            + "\ndata: a\n\n", {"a"}, "comments are not data", max);
    expect_for_every_cut("{\"a\":\"" + full + "\"}", {"too large"}, "bare",
        max);
}

TEST(SseSplitter, TooLargeStaysTooLarge)
{
    sse::Splitter splitter(2);
    std::string_view bytes = "data: abc\n\n";
    std::string_view data;

    EXPECT_EQ(splitter.next(bytes, data), Step::too_large);

    std::string_view more = "data: a\n\n";
    EXPECT_EQ(splitter.next(more, data), Step::too_large);
    EXPECT_EQ(splitter.finish(data), Step::too_large);
}

TEST(SseSplitter, AnEventThatLiesWholeIsNotCopied)
{
    sse::Splitter splitter(1024);
    std::string_view text = "data: abc\r\n\r\ndata: d";
    std::string_view rest = text;
    std::string_view data;

    ASSERT_EQ(splitter.next(rest, data), Step::event);
    EXPECT_EQ(data.data(), text.data() + 6);
    EXPECT_EQ(rest, "data: d");

    // Again after one that was cut.
    ASSERT_EQ(splitter.next(rest, data), Step::more);
    std::string_view second = "ef\n\ndata: g\n\n";
    rest = second;
    ASSERT_EQ(splitter.next(rest, data), Step::event);
    EXPECT_EQ(data, "def");
    ASSERT_EQ(splitter.next(rest, data), Step::event);
    EXPECT_EQ(data.data(), second.data() + 10);
}

TEST(SseSplitter, TakesEventsOfMegabytesInSmallPieces)
{
    const std::string large(3 * 1024 * 1024, 'A');
    const std::string in = "data: " + large + "\r\n\r\ndata: b\r\n\r\n";

    std::vector<std::string_view> pieces;

    for (std::size_t i = 0; i < in.size(); i += 16000) {
        pieces.push_back(std::string_view(in).substr(i, 16000));
    }

    EXPECT_EQ(split(pieces, 64 * 1024 * 1024), (Events{large, "b"}));
}

TEST(SseSplitter, ShortLinesOfOneKindOfEndAreNotQuadratic)
{
    for (const char *end : {"\r", "\n"}) {
        std::string in;

        for (int i = 0; i < 500000; ++i) {
            in += end;
        }

        in += "data: a";
        EXPECT_EQ(split({in}), Events{"end a"});
    }
}

TEST(SseSplitter, SplitsEveryRecordedStreamAlikeInAnyPieces)
{
    const char *fixtures = std::getenv("GEMINI_FIXTURES");

    if (fixtures == nullptr
        || !std::filesystem::is_directory(
            std::filesystem::path(fixtures) / "stream"))
    {
        GTEST_SKIP() << "GEMINI_FIXTURES names no directory of recordings";
    }

    for (const auto &entry : std::filesystem::directory_iterator(
             std::filesystem::path(fixtures) / "stream"))
    {
        std::ifstream file(entry.path(), std::ios::binary);
        std::string text{std::istreambuf_iterator<char>(file), {}};
        Events whole = split({text}, 1 << 20);

        EXPECT_FALSE(whole.empty()) << entry.path();

        for (std::string_view event : whole) {
            for (std::string_view how : {"bare ", "end "}) {
                if (event.substr(0, how.size()) == how) {
                    event.remove_prefix(how.size());
                }
            }

            EXPECT_EQ(event.front(), '{') << entry.path();
            EXPECT_EQ(event.back(), '}') << entry.path();
        }

        for (std::size_t size : {1, 7, 100, 1000}) {
            std::vector<std::string_view> pieces;

            for (std::size_t i = 0; i < text.size(); i += size) {
                pieces.push_back(std::string_view(text).substr(i, size));
            }

            EXPECT_EQ(split(pieces, 1 << 20), whole)
                << entry.path() << " in pieces of " << size;
        }
    }
}

}
