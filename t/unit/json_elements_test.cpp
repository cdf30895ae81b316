// Top-level objects of a stream, whatever the cuts.
#include "core/json/elements.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace gw;

constexpr std::size_t limit = 64;

std::vector<std::string> feed(std::vector<std::string_view> pieces)
{
    json::Elements elements(limit);
    std::vector<std::string> found;

    for (std::string_view bytes : pieces) {
        // A copy of its own, so that a sanitizer sees a view kept too long.
        std::string piece(bytes);
        std::string_view rest = piece;
        std::string_view object;
        json::Elements::Step step;

        while ((step = elements.next(rest, object))
               == json::Elements::Step::object)
        {
            found.emplace_back(object);
        }

        if (step == json::Elements::Step::too_large) {
            found.emplace_back("too large");
            break;
        }

        EXPECT_TRUE(rest.empty());
    }

    if (elements.inside()) {
        found.emplace_back("unfinished");
    }

    return found;
}

TEST(JsonElements, GivesTheSameForEveryCut)
{
    struct Case {
        std::string text;
        std::vector<std::string> objects;
    };

    const std::string full = "{\"a\":\"" + std::string(limit - 8, 'x')
                             + "\"}";

    for (const Case &c : {
             Case{"", {}},
             Case{"[]", {}},
             Case{"[{\"a\":1}\n,\r\n{\"b\":{\"c\":[]}}\n]",
                 {"{\"a\":1}", "{\"b\":{\"c\":[]}}"}},
             Case{"{\n  \"error\": {\n    \"code\": 503\n  }\n}\n",
                 {"{\n  \"error\": {\n    \"code\": 503\n  }\n}"}},
             Case{R"({"a":"}"}{"b":"\"}"}{"c":"\\"})",
                 {R"({"a":"}"})", R"({"b":"\"}"})", R"({"c":"\\"})"}},
             Case{"{}{}", {"{}", "{}"}},
             Case{"[{\"a\":", {"unfinished"}},
             Case{full, {full}},
             Case{"{\"a\":\"" + std::string(limit - 7, 'x') + "\"}",
                 {"too large", "unfinished"}},
         })
    {
        // Whether too_large is seen inside or behind the object depends on
        // the cut; that it is seen does not.
        auto normal = [](std::vector<std::string> found) {
            if (found.size() > 1 && found[found.size() - 2] == "too large") {
                found.pop_back();
            }

            return found;
        };

        for (std::size_t i = 0; i <= c.text.size(); ++i) {
            std::string_view text = c.text;
            EXPECT_EQ(normal(feed({text.substr(0, i), text.substr(i)})),
                normal(c.objects))
                << c.text << " cut at " << i;
        }

        std::vector<std::string_view> bytes;

        for (std::size_t i = 0; i < c.text.size(); ++i) {
            bytes.push_back(std::string_view(c.text).substr(i, 1));
        }

        EXPECT_EQ(normal(feed(bytes)), normal(c.objects)) << c.text;
    }
}

TEST(JsonElements, AnObjectThatLiesWholeIsNotCopied)
{
    json::Elements elements(limit);
    std::string_view text = "[{\"a\":1}]";
    std::string_view rest = text;
    std::string_view object;

    ASSERT_EQ(elements.next(rest, object), json::Elements::Step::object);
    EXPECT_EQ(object.data(), text.data() + 1);
}

TEST(JsonElements, TooLargeStaysTooLarge)
{
    json::Elements elements(4);
    std::string_view text = "{\"abc\":1}";
    std::string_view object;

    EXPECT_EQ(elements.next(text, object), json::Elements::Step::too_large);

    std::string_view next = "}{}";
    EXPECT_EQ(elements.next(next, object), json::Elements::Step::too_large);
}

}
