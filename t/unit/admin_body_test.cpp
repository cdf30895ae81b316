#include "core/admin/body.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace gw;

const std::string key = "AIzaSyA-0123456789abcdefghijklmnopqrstu";

std::string with_key(const std::string &more = {})
{
    return R"({"key":")" + key + "\"" + more + "}";
}

TEST(AdminBody, AKeyIsReadWithItsOptions)
{
    auto read = admin::read_new_key(with_key(
        R"(,"name":"team \u0061","weight":7,"project":"p1")"));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->secret, key);
    EXPECT_EQ(read->name, "team a");
    EXPECT_EQ(read->weight, 7u);
    EXPECT_EQ(read->project, "p1");

    read = admin::read_new_key(" " + with_key(
        R"(,"name":null,"weight":null,"project":null)") + "\n");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->name, "");
    EXPECT_EQ(read->weight, std::nullopt);
}

TEST(AdminBody, WhatIsWrongIsNamedWithoutTheKey)
{
    struct Case {
        std::string body;
        const char *param;
    };

    for (const Case &c : {
             Case{"{}", "key"},
             Case{R"({"key":""})", "key"},
             Case{R"({"key":null})", "key"},
             Case{R"({"key":7})", "key"},
             Case{R"({"key":"a b"})", "key"},
             Case{R"({"key":"env:X"})", "key"},
             Case{R"({"key":")" + std::string(513, 'x') + "\"}", "key"},
             Case{with_key(R"(,"name":"")"), "name"},
             Case{with_key(R"(,"name":"a\nb")"), "name"},
             Case{with_key(R"(,"name":")" + std::string(65, 'x') + "\""),
                 "name"},
             Case{with_key(R"(,"name":")" + key + "\""), "name"},
             Case{with_key(R"(,"project":["a"])"), "project"},
             Case{with_key(R"(,"weight":0)"), "weight"},
             Case{with_key(R"(,"weight":1001)"), "weight"},
             Case{with_key(R"(,"weight":1.5)"), "weight"},
             Case{with_key(R"(,"weight":"7")"), "weight"},
             Case{with_key(R"(,"wieght":7)"), "wieght"} })
    {
        auto read = admin::read_new_key(c.body);
        ASSERT_FALSE(read) << c.body;
        EXPECT_EQ(read.error().kind, ErrorKind::bad_request) << c.body;
        EXPECT_EQ(read.error().param, c.param) << c.body;
        EXPECT_EQ(read.error().message.find(key), std::string::npos);
    }

    for (const char *body : { "", "[]", "{", "null", R"({"key":"a"} x)" }) {
        EXPECT_FALSE(admin::read_new_key(body)) << body;
    }

    EXPECT_EQ(admin::read_new_key(std::string(admin::max_json_body + 1, ' '))
        .error().kind, ErrorKind::payload_too_large);
}

TEST(AdminBody, AnEditSaysWhatStaysAndWhatGoesBack)
{
    auto edit = admin::read_key_edit(R"({"enabled":false})");
    ASSERT_TRUE(edit);
    EXPECT_EQ(edit->enabled, false);
    EXPECT_FALSE(edit->name);
    EXPECT_FALSE(edit->weight);

    edit = admin::read_key_edit(R"({"name":null,"weight":null})");
    ASSERT_TRUE(edit);
    EXPECT_FALSE(edit->enabled);
    ASSERT_TRUE(edit->name);
    EXPECT_FALSE(*edit->name);
    ASSERT_TRUE(edit->weight);
    EXPECT_FALSE(*edit->weight);

    edit = admin::read_key_edit(R"({"name":"b","weight":3})");
    ASSERT_TRUE(edit);
    EXPECT_EQ(**edit->name, "b");
    EXPECT_EQ(**edit->weight, 3u);

    for (const char *body : { "{}", R"({"enabled":1})", R"({"enabled":null})",
             R"({"name":""})", R"({"key":"x"})", R"({"weight":-1})" })
    {
        EXPECT_FALSE(admin::read_key_edit(body)) << body;
    }
}

TEST(AdminBody, ALineOfAnImportIsAsOneOfAKeyFile)
{
    auto read = admin::read_import("# keys\n\n" + key
        + " name=a weight=3 project=p; # one\r\n  \nother-key\n"
          "bad\x01key\nk1 name=\nk2 weight=x\nk3 models=y\nenv:X\nlast");
    ASSERT_TRUE(read);
    auto &lines = read.value();
    ASSERT_EQ(lines.size(), 8u);
    EXPECT_EQ(lines[0].number, 3u);
    EXPECT_EQ(lines[0].problem, "");
    EXPECT_EQ(lines[0].key.secret, key);
    EXPECT_EQ(lines[0].key.name, "a");
    EXPECT_EQ(lines[0].key.weight, 3u);
    EXPECT_EQ(lines[0].key.project, "p");
    EXPECT_EQ(lines[1].number, 5u);
    EXPECT_EQ(lines[1].key.secret, "other-key");

    for (std::size_t i = 2; i < 7; ++i) {
        EXPECT_NE(lines[i].problem, "") << i;
        EXPECT_EQ(lines[i].problem.find(lines[i].key.secret),
            std::string::npos);
    }

    EXPECT_EQ(lines[7].number, 11u);
    EXPECT_EQ(lines[7].problem, "");
}

TEST(AdminBody, AnImportIsBounded)
{
    std::string text;

    for (std::size_t i = 0; i <= admin::max_import_keys; ++i) {
        text += "key-" + std::to_string(i) + "\n";
    }

    EXPECT_FALSE(admin::read_import(text));
    EXPECT_TRUE(admin::read_import(text.substr(0, text.find("key-20000"))));
    EXPECT_FALSE(admin::read_import(std::string(admin::max_import + 1, '\n')));
}

}
