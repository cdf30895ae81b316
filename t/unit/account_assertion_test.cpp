#include "core/account/assertion.hpp"

#include "account_key.hpp"
#include "core/base/base64url.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace gw;

constexpr std::int64_t now = 1768507200999;

struct Parts {
    std::string header;
    std::string claims;
    std::string signed_text;
    std::string signature;
};

Parts parts_of(const std::string &assertion)
{
    std::size_t first = assertion.find('.');
    std::size_t second = assertion.find('.', first + 1);
    EXPECT_NE(second, std::string::npos);

    return { from_base64url(assertion.substr(0, first)).value_or(""),
        from_base64url(assertion.substr(first + 1, second - first - 1))
            .value_or(""),
        assertion.substr(0, second),
        from_base64url(assertion.substr(second + 1)).value_or("") };
}

bool verifies(EVP_PKEY *key, const std::string &text,
    const std::string &signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr,
                  key) == 1
              && EVP_DigestVerify(context,
                     reinterpret_cast<const unsigned char *>(
                         signature.data()), signature.size(),
                     reinterpret_cast<const unsigned char *>(text.data()),
                     text.size()) == 1;
    EVP_MD_CTX_free(context);

    return ok;
}

TEST(AccountAssertion, ItSaysWhoWantsWhatFromWhomAndIsSigned)
{
    auto read = account::read_key_file(key_file(usual_pem()));
    ASSERT_TRUE(read);
    std::string assertion = account::sign_assertion(read.value(),
        account::default_scope, now);
    Parts parts = parts_of(assertion);

    EXPECT_EQ(parts.header,
        R"({"alg":"RS256","typ":"JWT","kid":"0123abcd"})");
    EXPECT_EQ(parts.claims,
        R"({"iss":"gateway@my-project.iam.gserviceaccount.com",)"
        R"("scope":"https://www.googleapis.com/auth/cloud-platform",)"
        R"("aud":"https://oauth2.example.com/token",)"
        R"("iat":1768507200,"exp":1768510800})");
    EXPECT_TRUE(verifies(read->private_key.get(), parts.signed_text,
        parts.signature));
    EXPECT_FALSE(verifies(read->private_key.get(), parts.signed_text + "x",
        parts.signature));

    EXPECT_EQ(account::token_request_body(assertion),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
        "&assertion=" + assertion);
}

TEST(AccountAssertion, AKeyWithoutAnIdIsNotNamed)
{
    auto read = account::read_key_file(key_file(usual_pem()));
    ASSERT_TRUE(read);
    read->private_key_id.clear();

    EXPECT_EQ(parts_of(account::sign_assertion(read.value(), "a b", now))
        .header, R"({"alg":"RS256","typ":"JWT"})");
}

TEST(AccountAssertion, WithoutAKeyThereIsNone)
{
    account::ServiceAccount nobody;
    nobody.private_key.reset(make_key(EVP_PKEY_X25519, 0));

    EXPECT_EQ(account::sign_assertion(nobody, "s", now), "");
}

}
