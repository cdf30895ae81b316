// Function names there and back.
#include "core/translate/names.hpp"

#include "core/base/arena.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <set>
#include <string>
#include <vector>

namespace {

class Names {
public:
    explicit Names(const std::vector<std::string> &declared,
        const std::string &messages = R"({"role":"user","content":"x"})")
        : arena_(std::pmr::new_delete_resource())
    {
        text_ = R"({"model":"m","messages":[)" + messages + R"(],"tools":[)";

        for (const std::string &name : declared) {
            text_ += text_.back() == '[' ? "" : ",";
            text_ += R"({"type":"function","function":{"name":")" + name
                     + "\"}}";
        }

        text_ += "]}";

        gw::openai::ChatRequest request;
        auto parsed = gw::openai::parse(text_, arena_, request);
        EXPECT_TRUE(parsed) << text_;
        map_ = gw::translate::NameMap(request, arena_);
    }

    std::string up(const std::string &name)
    {
        return std::string(map_.upstream_name(String(name, escaped(name)),
            arena_).raw);
    }

    std::string down(const std::string &name)
    {
        return std::string(map_.client_name(String(name)).raw);
    }

    bool declares(const std::string &name)
    {
        return map_.declares(String(name, escaped(name)), arena_);
    }

private:
    using String = gw::json::String;

    static bool escaped(const std::string &name)
    {
        return name.find('\\') != std::string::npos;
    }

    gw::Arena arena_;
    std::string text_;
    gw::translate::NameMap map_;
};

const std::string exactly_64(64, 'x');

TEST(NameMap, LeavesAloneWhatUpstreamTakes)
{
    Names names({"f", "_g", "a.b:c-d9", exactly_64});

    for (const std::string &name : {std::string("f"), std::string("_g"),
             std::string("a.b:c-d9"), exactly_64, std::string("other")})
    {
        EXPECT_EQ(names.up(name), name);
        EXPECT_EQ(names.down(name), name);
    }
}

TEST(NameMap, RewritesWhatUpstreamRefusesAndFindsTheWayBack)
{
    struct Case {
        std::string client;
        std::string upstream;
    };

    for (const Case &c : {Case{"get weather", "get_weather"},
             Case{"9lives", "_9lives"}, Case{"-x", "_-x"},
             Case{"a/b", "a_b"}, Case{"größe", "gr__e"},
             Case{R"(tab\tbed)", "tab_bed"}, Case{"天气", "___"}})
    {
        Names names({c.client});

        EXPECT_EQ(names.up(c.client), c.upstream);
        EXPECT_EQ(names.down(c.upstream), c.client);
        EXPECT_EQ(names.down("default_api:" + c.upstream), c.client);
    }
}

TEST(NameMap, NeverGivesTwoTheSameName)
{
    const std::vector<std::string> all = {"get weather", "get_weather",
        "get/weather", "get?weather", exactly_64 + "a", exactly_64 + "b",
        exactly_64, exactly_64 + " c"};
    Names names(all);
    std::set<std::string> seen;

    for (const std::string &name : all) {
        std::string up = names.up(name);

        EXPECT_LE(up.size(), gw::translate::max_function_name);
        EXPECT_TRUE(seen.insert(up).second) << name;
        EXPECT_EQ(names.down(up), name);
    }

    EXPECT_EQ(names.up("get_weather"), "get_weather");
    EXPECT_EQ(Names(all).up(all[4]), names.up(all[4]));
}

TEST(NameMap, StripsWhatModelsPutInFrontOfDeclaredNames)
{
    Names names({"f", "default_api:g"});

    EXPECT_EQ(names.down("default_api:f"), "f");
    EXPECT_EQ(names.down("default_api.f"), "f");
    EXPECT_EQ(names.down("functions.f"), "f");
    EXPECT_EQ(names.down("default_api:g"), "default_api:g");
    EXPECT_EQ(names.down("default_api:h"), "default_api:h");
    EXPECT_EQ(names.down("functions."), "functions.");
}

TEST(NameMap, KnowsTheNamesOfTheHistoryButDoesNotDeclareThem)
{
    Names names({"f"}, R"({"role":"assistant","tool_calls":[
        {"id":"1","function":{"name":"gone name"}}]},
        {"role":"assistant","function_call":{"name":"g h"}})");

    EXPECT_EQ(names.up("gone name"), "gone_name");
    EXPECT_EQ(names.down("gone_name"), "gone name");
    EXPECT_EQ(names.up("g h"), "g_h");
    EXPECT_TRUE(names.declares("f"));
    EXPECT_TRUE(names.declares(R"(\u0066)"));
    EXPECT_FALSE(names.declares("gone name"));
    EXPECT_EQ(names.down("default_api:gone_name"), "default_api:gone_name");
}

TEST(NameMap, WithoutFunctionsEveryNameStandsForItself)
{
    gw::translate::NameMap none;
    gw::Arena arena(std::pmr::new_delete_resource());

    EXPECT_TRUE(none.client_name(gw::json::String("f")).is("f"));
    EXPECT_TRUE(none.upstream_name(gw::json::String("a b"), arena).is("a b"));
    EXPECT_FALSE(none.declares(gw::json::String("f"), arena));
}

}
