#include "core/account/key_file.hpp"

#include "account_key.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace gw;
using account::read_key_file;

std::string without(const std::string &text, const std::string &part,
    const std::string &instead)
{
    std::string changed = text;
    std::size_t at = changed.find(part);
    EXPECT_NE(at, std::string::npos) << part;

    return changed.replace(at, part.size(), instead);
}

TEST(AccountKeyFile, AFileOfTheConsoleIsRead)
{
    auto read = read_key_file(key_file(usual_pem()));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->client_email,
        "gateway@my-project.iam.gserviceaccount.com");
    EXPECT_EQ(read->private_key_id, "0123abcd");
    EXPECT_EQ(read->project_id, "my-project");
    EXPECT_EQ(read->token_uri, "https://oauth2.example.com/token");
    EXPECT_EQ(EVP_PKEY_bits(read->private_key.get()), 2048);
}

TEST(AccountKeyFile, WhatIsNotNeededMayBeMissing)
{
    std::string text = without(key_file(usual_pem()),
        R"("project_id":"my-project",)", "");
    text = without(text, R"("private_key_id":"0123abcd",)", "");
    auto read = read_key_file(text);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->project_id, "");
    EXPECT_EQ(read->private_key_id, "");
}

TEST(AccountKeyFile, AMessageNamesTheFieldAndNothingOfTheKey)
{
    const std::string &pem = usual_pem();
    const std::string good = key_file(pem);
    account::PrivateKey small(make_key(EVP_PKEY_RSA, 1024));
    account::PrivateKey other(make_key(EVP_PKEY_ED25519, 0));
    account::PrivateKey usual(make_key(EVP_PKEY_RSA, 2048));

    struct Case {
        const char *name;
        std::string text;
        const char *message;
    };

    for (const Case &c : {
             Case{"nothing", "", "it is no JSON object"},
             Case{"a list", "[]", "it is no JSON object"},
             Case{"a PEM file", "-----BEGIN PRIVATE KEY-----",
                 "it is no JSON object"},
             Case{"cut off", good.substr(0, good.size() - 5),
                 "it is no JSON object"},
             Case{"too large", std::string(account::max_key_file + 1, ' '),
                 "it is too large for a key file"},
             Case{"an empty object", "{}", "\"type\" is missing"},
             Case{"somebody's own credentials", without(good,
                 "\"service_account\"", "\"authorized_user\""),
                 "\"type\" is \"authorized_user\", \"service_account\" is "
                 "expected"},
             Case{"a type that is a number", without(good,
                 "\"service_account\"", "7"), "\"type\" is no string"},
             Case{"no e-mail", without(good, "client_email", "email"),
                 "\"client_email\" is missing"},
             Case{"an e-mail that is none", without(good, "gateway@", ""),
                 "\"client_email\" is no e-mail address"},
             Case{"an e-mail with a line", without(good, "gateway@",
                 "gateway\\n@"), "\"client_email\" is no e-mail address"},
             Case{"no key", without(good, "\"private_key\"", "\"key\""),
                 "\"private_key\" is missing"},
             Case{"an empty key", key_file(""), "\"private_key\" is missing"},
             Case{"a key that is none", key_file("AAAA"),
                 "\"private_key\" is no unencrypted private key in PEM"},
             Case{"half a key", key_file(pem.substr(0, pem.size() / 2)),
                 "\"private_key\" is no unencrypted private key in PEM"},
             Case{"an encrypted key", key_file(pem_of(usual.get(), "secret")),
                 "\"private_key\" is no unencrypted private key in PEM"},
             Case{"a short key", key_file(pem_of(small.get())),
                 "\"private_key\" is an RSA key of less than 2048 bits"},
             Case{"a key of another kind", key_file(pem_of(other.get())),
                 "\"private_key\" is no RSA key"},
             Case{"no token_uri", without(good, "token_uri", "uri"),
                 "\"token_uri\" is missing"},
             Case{"a project with a slash", without(good, "\"my-project\"",
                 "\"a/../b\""), "\"project_id\" is no project's id"},
             Case{"a key id with a blank", without(good, "0123abcd", "a b"),
                 "\"private_key_id\" is no key's id"} })
    {
        auto read = read_key_file(c.text);
        ASSERT_FALSE(read) << c.name;
        EXPECT_EQ(read.error().message, c.message) << c.name;
    }
}

TEST(AccountKeyFile, TheAssertionGoesOverTlsOrNotOut)
{
    struct Case {
        const char *uri;
        const char *problem;        // "": it is taken
    };

    for (const Case &c : {
             Case{"https://oauth2.googleapis.com/token", ""},
             Case{"https://127.0.0.1:8443/token", ""},
             Case{"http://127.0.0.1:8080/token", ""},
             Case{"http://127.1.2.3/token", ""},
             Case{"http://localhost:9/token", ""},
             Case{"http://[::1]:8080/token", ""},
             Case{"http://[::1]", ""},
             Case{"http://127.example.com/token",
                 "may be http:// on loopback only"},
             Case{"http://localhost.example.com/",
                 "may be http:// on loopback only"},
             Case{"http://localhost@example.com/",
                 "may be http:// on loopback only"},
             Case{"http://[::1]x/", "may be http:// on loopback only"},
             Case{"http://10.0.0.1/token", "may be http:// on loopback only"},
             Case{"http://", "may be http:// on loopback only"},
             Case{"ftp://127.0.0.1/", "must begin with https://"},
             Case{"token", "must begin with https://"},
             Case{"https://", "is no URL"},
             Case{"https://a b/", "is no URL"} })
    {
        auto read = read_key_file(key_file(usual_pem(), c.uri));
        EXPECT_EQ(static_cast<bool>(read), *c.problem == '\0') << c.uri;

        if (!read) {
            EXPECT_EQ(read.error().message,
                std::string("\"token_uri\" ") + c.problem) << c.uri;
        }
    }
}

TEST(AccountKeyFile, AProjectIsWhatMayStandInAPath)
{
    for (const char *good : { "p", "my-project-1", "example.com:project",
             "123456789" })
    {
        EXPECT_TRUE(account::is_cloud_project(good)) << good;
    }

    for (const char *bad : { "", "-p", "..", "a/b", "a b", "a%2f", "p\n" }) {
        EXPECT_FALSE(account::is_cloud_project(bad)) << bad;
    }

    EXPECT_FALSE(account::is_cloud_project(std::string(
        account::max_cloud_project + 1, 'p')));
}

}
