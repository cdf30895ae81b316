#include "core/keys/clients.hpp"

#include <gtest/gtest.h>

#include <set>

namespace {

using namespace gw::keys;

// FIPS 180-2, appendix B.1.
constexpr const char *abc_hex =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

Client client_of(std::string_view token, std::string name = {})
{
    Client client;
    client.digest = digest_of(token);
    client.name = std::move(name);

    return client;
}

TEST(KeysClients, TheDigestIsSha256)
{
    auto digest = digest_from_hex(abc_hex);
    ASSERT_TRUE(digest);
    EXPECT_EQ(*digest, digest_of("abc"));
}

TEST(KeysClients, ADigestIsSixtyFourHexDigitsOfEitherCase)
{
    std::string upper = abc_hex;

    for (char &c : upper) {
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }

    EXPECT_EQ(digest_from_hex(upper), digest_from_hex(abc_hex));

    std::string hex = abc_hex;
    EXPECT_FALSE(digest_from_hex(""));
    EXPECT_FALSE(digest_from_hex(hex.substr(1)));
    EXPECT_FALSE(digest_from_hex(hex + "0"));
    hex[10] = 'g';
    EXPECT_FALSE(digest_from_hex(hex));
}

TEST(KeysClients, ATokenFindsItsClientAndNothingElseDoes)
{
    ClientSet set;

    for (int i = 0; i < 500; ++i) {
        std::string number = std::to_string(i);
        ASSERT_TRUE(set.add(client_of("token-" + number, "c" + number)));
    }

    EXPECT_EQ(set.size(), 500u);

    for (int i = 0; i < 500; ++i) {
        std::string number = std::to_string(i);
        const Client *found = set.find("token-" + number);
        ASSERT_NE(found, nullptr);
        EXPECT_EQ(found->name, "c" + number);
    }

    for (const char *wrong : { "", "token-", "token-500", "TOKEN-1",
                               "token-1 ", "token-11111" })
    {
        EXPECT_EQ(set.find(wrong), nullptr) << wrong;
    }
}

TEST(KeysClients, DigestsThatShareTheirFirstBytesAreToldApart)
{
    ClientSet set;
    Client real = client_of("token", "real");
    Client twin = real;
    twin.name = "twin";
    twin.digest[31] = static_cast<unsigned char>(twin.digest[31] ^ 1);

    ASSERT_TRUE(set.add(twin));
    ASSERT_TRUE(set.add(real));
    ASSERT_NE(set.find("token"), nullptr);
    EXPECT_EQ(set.find("token")->name, "real");
}

TEST(KeysClients, TheSameTokenTwiceIsRefused)
{
    ClientSet set;
    EXPECT_TRUE(set.add(client_of("token", "a")));
    EXPECT_FALSE(set.add(client_of("token", "b")));
    EXPECT_EQ(set.size(), 1u);
    EXPECT_EQ(set.find("token")->name, "a");
}

TEST(KeysClients, AClientWithoutANameIsNamedByItsDigest)
{
    ClientSet set;
    set.add(client_of("abc"));
    EXPECT_EQ(set.find("abc")->name, "client-ba7816");
}

TEST(KeysClients, ModelsAreGlobsAndNoneMeansAll)
{
    Client client = client_of("abc");
    EXPECT_TRUE(client.may_use("anything"));
    client.models = { "gemini-2.5-*", "text-embedding-004" };
    EXPECT_TRUE(client.may_use("gemini-2.5-pro"));
    EXPECT_TRUE(client.may_use("text-embedding-004"));
    EXPECT_FALSE(client.may_use("gemini-3-pro"));
    EXPECT_FALSE(client.may_use("text-embedding-0045"));
}

TEST(KeysClients, LimitIdsAreStableAndApart)
{
    std::set<std::uint64_t> ids;

    for (int i = 0; i < 1000; ++i) {
        Client client = client_of("token-" + std::to_string(i));
        EXPECT_EQ(client.limit_id(), client.limit_id());
        EXPECT_NE(client.limit_id(), 0u);
        ids.insert(client.limit_id());
    }

    EXPECT_EQ(ids.size(), 1000u);
    EXPECT_NE(Client{}.limit_id(), 0u);
}

TEST(KeysClients, TheFirstTokenThatIsThereCounts)
{
    struct Case {
        PresentedToken presented;
        std::string_view token;
    };

    for (const Case &c : {
        Case{{}, ""},
        Case{{"Bearer abc", "x", "g", "q"}, "abc"},
        Case{{"bearer abc", "", "", ""}, "abc"},
        Case{{"BEARER   abc  ", "", "", ""}, "abc"},
        Case{{"Basic abc", "x", "g", "q"}, "x"},
        Case{{"Bearer", "", "g", "q"}, "g"},
        Case{{"Bearer ", "", "g", "q"}, "g"},
        Case{{"Bearerabc", "", "", "q"}, "q"},
        Case{{"", " x ", "g", "q"}, "x"},
        Case{{"", "", "g", "q"}, "g"},
        Case{{"", "", "", "q"}, "q"} })
    {
        EXPECT_EQ(token_of(c.presented), c.token);
    }
}

}
