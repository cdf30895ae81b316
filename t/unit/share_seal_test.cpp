#include "core/share/seal.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using gw::share::Seal;

constexpr std::string_view operator_secret = "correct horse battery staple";
constexpr std::string_view context = "0123456789abcdef";

std::string nonce()
{
    std::string bytes;

    for (char c = 0; c < 12; ++c) {
        bytes += c;
    }

    return bytes;
}

// HKDF-SHA256 and AES-256-GCM by another implementation (pyca/cryptography):
// what one version has sealed, every later one opens.
constexpr std::string_view sealed_elsewhere =
    "AAECAwQFBgcICQoLzN5X1AvUBayyYew120Fw7XeyixznM9SK9clR-eeF-SEQ5puX";

TEST(ShareSeal, SealsAsTheStandardsSay)
{
    Seal seal(operator_secret);

    EXPECT_EQ(seal.close("a secret of upstream", context, nonce()),
        sealed_elsewhere);
    EXPECT_EQ(seal.open(sealed_elsewhere, context), "a secret of upstream");
}

TEST(ShareSeal, OpensWhatItHasClosedOfAnyLength)
{
    Seal seal(operator_secret);

    for (std::size_t size : { 0u, 1u, 15u, 16u, 17u, 39u, 512u }) {
        std::string plain(size, 'k');
        std::string sealed = seal.close(plain, context, nonce());

        EXPECT_EQ(sealed.find(plain.substr(0, 8).append("!")), sealed.npos);
        EXPECT_EQ(seal.open(sealed, context), plain);
    }
}

TEST(ShareSeal, OpensNothingUnderAnotherSecretOrContext)
{
    EXPECT_FALSE(Seal("correct horse battery stapl3").open(sealed_elsewhere,
        context));
    EXPECT_FALSE(Seal(operator_secret).open(sealed_elsewhere,
        "1123456789abcdef"));
    EXPECT_FALSE(Seal(operator_secret).open(sealed_elsewhere, ""));
}

TEST(ShareSeal, OpensNothingThatWasChangedAnywhere)
{
    Seal seal(operator_secret);

    for (std::size_t i = 0; i < sealed_elsewhere.size(); ++i) {
        std::string changed(sealed_elsewhere);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(seal.open(changed, context)) << "at " << i;
    }

    for (std::size_t size = 0; size < sealed_elsewhere.size(); ++size) {
        EXPECT_FALSE(seal.open(sealed_elsewhere.substr(0, size), context))
            << "cut at " << size;
    }

    EXPECT_FALSE(seal.open(std::string(sealed_elsewhere) + "AAAA", context));
    EXPECT_FALSE(seal.open(std::string(sealed_elsewhere) + "=", context));
    EXPECT_FALSE(seal.open(" " + std::string(sealed_elsewhere), context));
    EXPECT_FALSE(seal.open("not base64!", context));
    EXPECT_FALSE(seal.open(std::string(1000000, 'A'), context));
}

TEST(ShareSeal, AnotherNonceIsAnotherText)
{
    Seal seal(operator_secret);
    std::string other = nonce();
    other[0] = 'x';

    std::string sealed = seal.close("a secret of upstream", context, other);
    EXPECT_NE(sealed, sealed_elsewhere);
    EXPECT_EQ(seal.open(sealed, context), "a secret of upstream");
}

TEST(ShareSeal, ClosesNothingWithoutAWholeNonce)
{
    Seal seal(operator_secret);

    EXPECT_EQ(seal.close("a", context, ""), "");
    EXPECT_EQ(seal.close("a", context, nonce() + "x"), "");
}

}
