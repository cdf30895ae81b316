#include "core/keys/tokens.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

namespace {

using namespace gw;
using namespace gw::keys;
using account::Cause;

constexpr std::int64_t now = 1768507200000;
constexpr std::int64_t later = now + 3600000;

struct Places {
    explicit Places(std::size_t capacity)
        : records(std::make_unique<TokenRecord[]>(capacity)),
          table(&stored, records.get(), capacity)
    {
    }

    /// One account after the other, each in its place.
    std::vector<std::size_t> bind(const std::vector<std::uint64_t> &ids)
    {
        std::vector<std::size_t> places;
        EXPECT_TRUE(table.bind(ids, places));
        return places;
    }

    void store(std::size_t place, std::uint64_t id, std::string_view token,
        std::int64_t expires_ms = later)
    {
        table.store(place, id, token, expires_ms, expires_ms - 300000);
    }

    bool holds(std::string_view text) const
    {
        std::string_view bytes(reinterpret_cast<const char *>(records.get()),
            table.capacity() * sizeof(TokenRecord));

        return bytes.find(text) != std::string_view::npos;
    }

    Word stored{0};
    std::unique_ptr<TokenRecord[]> records;
    TokenTable table;
};

std::string text_of(const TokenTable &table, std::size_t place,
    std::uint64_t id)
{
    auto token = table.read(place, id);
    return token ? token->text : "(none)";
}

TEST(KeysTokens, ATokenIsUsedUntilItExpires)
{
    Places places(2);
    places.bind({ 7 });
    EXPECT_FALSE(places.table.usable(0, 7, now));
    EXPECT_TRUE(places.table.coming(0, 7));
    EXPECT_EQ(text_of(places.table, 0, 7), "(none)");

    places.store(0, 7, "ya29.first");
    EXPECT_TRUE(places.table.usable(0, 7, now));
    EXPECT_TRUE(places.table.usable(0, 7, later - 1));
    EXPECT_FALSE(places.table.usable(0, 7, later));
    EXPECT_EQ(text_of(places.table, 0, 7), "ya29.first");
    EXPECT_EQ(places.stored.load(), 1u);

    auto state = places.table.state(0, 7);
    ASSERT_TRUE(state);
    EXPECT_TRUE(state->usable(now));
    EXPECT_EQ(state->expires_ms, later);
    EXPECT_EQ(state->next_try_ms, later - 300000);
    EXPECT_EQ(state->cause, Cause::none);

    // Another's place.
    EXPECT_FALSE(places.table.usable(0, 8, now));
    EXPECT_FALSE(places.table.coming(0, 8));
    EXPECT_EQ(text_of(places.table, 0, 8), "(none)");
    EXPECT_FALSE(places.table.state(0, 8));
    places.store(0, 8, "of-another");
    EXPECT_EQ(text_of(places.table, 0, 7), "ya29.first");
}

TEST(KeysTokens, AShorterTokenLeavesNothingOfALonger)
{
    Places places(1);
    places.bind({ 7 });
    places.store(0, 7, "a-very-long-token");
    EXPECT_TRUE(places.holds("long-token"));
    places.store(0, 7, "short");
    EXPECT_FALSE(places.holds("long"));
    places.table.wipe_token(0);
    EXPECT_FALSE(places.holds("short"));
    EXPECT_EQ(text_of(places.table, 0, 7), "(none)");

    places.store(0, 7, std::string(account::max_token, 't'));
    EXPECT_EQ(text_of(places.table, 0, 7).size(), account::max_token);
    places.store(0, 7, std::string(account::max_token + 1, 'u'));
    EXPECT_EQ(text_of(places.table, 0, 7)[0], 't');
    places.table.forget(0);
    EXPECT_FALSE(places.holds("tttt"));
    EXPECT_EQ(places.table.id_at(0), 0u);
}

TEST(KeysTokens, AFailureLeavesTheTokenWhileItHolds)
{
    Places places(1);
    places.bind({ 7 });
    places.store(0, 7, "token");
    places.table.fail(0, 7, Cause::wrong_key, "invalid_grant: no", 3,
        now + 5);
    EXPECT_TRUE(places.table.usable(0, 7, now));
    EXPECT_EQ(text_of(places.table, 0, 7), "token");
    EXPECT_FALSE(places.table.coming(0, 7));

    auto state = places.table.state(0, 7);
    ASSERT_TRUE(state);
    EXPECT_EQ(state->cause, Cause::wrong_key);
    EXPECT_EQ(state->problem, "invalid_grant: no");
    EXPECT_EQ(state->failures, 3u);
    EXPECT_EQ(state->next_try_ms, now + 5);
    EXPECT_TRUE(state->usable(now));

    places.table.forgive(0, 7);
    EXPECT_TRUE(places.table.coming(0, 7));
    EXPECT_EQ(places.table.state(0, 7)->next_try_ms, 0);
    EXPECT_EQ(places.table.state(0, 7)->problem, "");

    // What has not failed keeps its time.
    places.store(0, 7, "token");
    places.table.forgive(0, 7);
    EXPECT_EQ(places.table.state(0, 7)->next_try_ms, later - 300000);
    EXPECT_FALSE(places.holds("invalid_grant"));
}

TEST(KeysTokens, ARefusedTokenIsNotUsedAndARefusalOfAnOldOneSaysNothing)
{
    Places places(1);
    places.bind({ 7 });
    places.store(0, 7, "first");
    std::uint64_t first = places.table.read(0, 7)->number;
    EXPECT_EQ(places.table.refuse(0, 7, first, now), TokenRefusal::renews);
    EXPECT_EQ(places.table.refuse(0, 7, first, now), TokenRefusal::outdated);
    EXPECT_FALSE(places.table.usable(0, 7, now));
    EXPECT_TRUE(places.table.state(0, 7)->refused);
    EXPECT_TRUE(places.table.coming(0, 7));

    places.store(0, 7, "second");
    std::uint64_t second = places.table.read(0, 7)->number;
    EXPECT_NE(first, second);
    EXPECT_TRUE(places.table.usable(0, 7, now));
    EXPECT_EQ(places.table.refuse(0, 7, first, now), TokenRefusal::outdated);
    EXPECT_EQ(places.table.refuse(0, 7, 0, now), TokenRefusal::outdated);
    EXPECT_EQ(places.table.refuse(0, 8, second, now), TokenRefusal::outdated);
    EXPECT_TRUE(places.table.usable(0, 7, now));

    // It was made because of a refusal.
    EXPECT_EQ(places.table.refuse(0, 7, second, now), TokenRefusal::in_vain);
    EXPECT_FALSE(places.table.coming(0, 7));
    EXPECT_FALSE(places.table.state(0, 7)->due(now + 599999));
    EXPECT_TRUE(places.table.state(0, 7)->due(now + 600000));
    places.table.hurry(0, 7);
    EXPECT_TRUE(places.table.coming(0, 7));
    EXPECT_TRUE(places.table.state(0, 7)->due(now));
}

TEST(KeysTokens, AnAcceptedTokenMayBeRefusedOnceMore)
{
    Places places(1);
    places.bind({ 7 });
    places.store(0, 7, "first");
    places.table.refuse(0, 7, places.table.read(0, 7)->number, now);
    places.store(0, 7, "second");
    std::uint64_t second = places.table.read(0, 7)->number;
    places.table.accept(0, 7, second - 2);
    places.table.accept(0, 8, second);
    places.table.accept(0, 7, second);
    EXPECT_EQ(places.table.refuse(0, 7, second, now), TokenRefusal::renews);

    // A token that came in time is no answer to a refusal.
    places.store(0, 7, "third");
    places.store(0, 7, "fourth");
    EXPECT_EQ(places.table.refuse(0, 7, places.table.read(0, 7)->number, now),
        TokenRefusal::renews);
}

TEST(KeysTokens, AFailureInBetweenDoesNotMakeItForgetTheRefusal)
{
    Places places(1);
    places.bind({ 7 });
    places.store(0, 7, "first");
    places.table.refuse(0, 7, places.table.read(0, 7)->number, now);
    places.table.fail(0, 7, Cause::endpoint, "HTTP 503", 1, now);
    EXPECT_FALSE(places.table.usable(0, 7, now));
    places.store(0, 7, "second");
    places.table.fail(0, 7, Cause::endpoint, "HTTP 503", 1, now);
    EXPECT_EQ(places.table.refuse(0, 7, places.table.read(0, 7)->number, now),
        TokenRefusal::in_vain);
}

TEST(KeysTokens, OneExchangesAtATime)
{
    Places places(1);
    places.bind({ 7 });
    std::uint64_t by = 100;
    EXPECT_TRUE(places.table.begin_exchange(0, 7, by, now + 11000, now));
    by = 200;
    EXPECT_FALSE(places.table.begin_exchange(0, 7, by, now + 12000,
        now + 1000));
    EXPECT_EQ(by, 100u);

    // Only who has it ends it.
    places.table.end_exchange(0, 200);
    by = 200;
    EXPECT_FALSE(places.table.begin_exchange(0, 7, by, now + 12000,
        now + 1000));
    places.table.end_exchange(0, 100);
    by = 200;
    EXPECT_TRUE(places.table.begin_exchange(0, 7, by, now + 12000,
        now + 1000));

    // One that takes too long, and a clock that was set back.
    by = 300;
    EXPECT_TRUE(places.table.begin_exchange(0, 7, by, now + 23000,
        now + 12000));
    by = 400;
    EXPECT_TRUE(places.table.begin_exchange(0, 7, by, now - 80000,
        now - 91000));
    by = 500;
    EXPECT_FALSE(places.table.begin_exchange(0, 9, by, now, now));
}

TEST(KeysTokens, AccountsKeepTheirPlaces)
{
    Places places(3);
    EXPECT_EQ(places.bind({ 1, 2 }), (std::vector<std::size_t>{ 0, 1 }));
    places.store(0, 1, "one");
    places.store(1, 2, "two");
    // Free places come before those of accounts that are gone.
    EXPECT_EQ(places.bind({ 3, 2 }), (std::vector<std::size_t>{ 2, 1 }));
    EXPECT_EQ(text_of(places.table, 0, 1), "one");
    EXPECT_EQ(places.bind({ 4, 2, 3 }),
        (std::vector<std::size_t>{ 0, 1, 2 }));
    EXPECT_FALSE(places.holds("one"));
    EXPECT_EQ(text_of(places.table, 1, 2), "two");
    EXPECT_EQ(text_of(places.table, 0, 4), "(none)");

    std::vector<std::size_t> none;
    EXPECT_FALSE(places.table.bind({ 1, 2, 3, 4 }, none));
    EXPECT_EQ(text_of(places.table, 1, 2), "two");
    EXPECT_EQ(places.bind({}), std::vector<std::size_t>{});
}

TEST(KeysTokens, AWriterThatDiedLeavesWhatIsNotReadButWrittenAgain)
{
    Places places(1);
    places.bind({ 7 });
    places.store(0, 7, "first");
    places.records[0].version.fetch_add(1);
    places.records[0].token[2] = 'X';
    EXPECT_EQ(text_of(places.table, 0, 7), "(none)");
    EXPECT_FALSE(places.table.state(0, 7));

    // A problem does not bring half of a token back.
    places.table.fail(0, 7, Cause::endpoint, "HTTP 503", 1, now);
    EXPECT_FALSE(places.table.usable(0, 7, now));
    EXPECT_EQ(text_of(places.table, 0, 7), "(none)");
    EXPECT_EQ(places.table.state(0, 7)->problem, "HTTP 503");

    places.records[0].version.fetch_add(1);
    places.store(0, 7, "second");
    EXPECT_EQ(text_of(places.table, 0, 7), "second");
    EXPECT_EQ(places.records[0].version.load() % 2, 0u);
}

TEST(KeysTokens, WhatNoWriterWritesIsNotBelieved)
{
    Places places(1);
    places.bind({ 7 });
    places.store(0, 7, "token");
    places.records[0].sizes = ~std::uint64_t{0};
    places.records[0].flags = 0xff;
    EXPECT_EQ(places.table.read(0, 7)->text.size(), account::max_token);
    EXPECT_EQ(places.table.state(0, 7)->problem.size(),
        sizeof(TokenRecord::problem));
    EXPECT_EQ(places.table.state(0, 7)->cause, Cause::other);
}

TEST(KeysTokens, ATableOfAnotherSizeTakesOverWhatItCan)
{
    Places from(3);
    from.bind({ 1, 2, 3 });
    from.store(0, 1, "one");
    from.table.fail(0, 1, Cause::scope, "invalid_scope", 2, now);
    from.store(1, 2, "two");
    from.table.refuse(1, 2, from.table.read(1, 2)->number, now);
    from.table.fail(2, 3, Cause::endpoint, "HTTP 500", 4, now + 9);

    Places to(8);
    to.table.copy_from(from.table);
    EXPECT_EQ(to.bind({ 3, 2, 1 }), (std::vector<std::size_t>{ 2, 1, 0 }));
    EXPECT_EQ(text_of(to.table, 0, 1), "one");
    EXPECT_EQ(to.table.state(0, 1)->problem, "invalid_scope");
    EXPECT_EQ(text_of(to.table, 1, 2), "(none)");
    EXPECT_EQ(to.table.state(2, 3)->failures, 4u);

    Places small(1);
    small.table.copy_from(from.table);
    EXPECT_EQ(small.bind({ 1 }), std::vector<std::size_t>{ 0 });
    EXPECT_EQ(text_of(small.table, 0, 1), "one");
}

TEST(KeysTokens, ReadersBesideAWriterSeeWholeTokensOnly)
{
    Places places(1);
    places.bind({ 9 });
    std::atomic<bool> done{false};
    std::atomic<int> torn{0};
    std::atomic<int> reads{0};
    std::thread reader([&] {
        while (!done) {
            if (auto token = places.table.read(0, 9)) {
                ++reads;
                auto size = static_cast<std::size_t>(
                    token->expires_ms % 300 + 1);
                char c = static_cast<char>('a' + token->expires_ms % 26);
                torn += token->text != std::string(size, c);
            }
        }
    });

    for (int i = 1; i < 20000 || reads == 0; ++i) {
        places.store(0, 9, std::string(static_cast<std::size_t>(i % 300 + 1),
            static_cast<char>('a' + i % 26)), i);

        if (i % 7 == 0) {
            places.table.fail(0, 9, Cause::endpoint, "HTTP 503", 1, i);
        }
    }

    done = true;
    reader.join();
    EXPECT_EQ(torn, 0);
}

TEST(KeysTokens, AnIdIsOfWhatTheTokenIsFor)
{
    std::uint64_t id = token_id("a@b", "scope", "https://t");
    EXPECT_NE(id, 0u);
    EXPECT_EQ(id, token_id("a@b", "scope", "https://t"));
    EXPECT_NE(id, token_id("c@b", "scope", "https://t"));
    EXPECT_NE(id, token_id("a@b", "other", "https://t"));
    EXPECT_NE(id, token_id("a@b", "scope", "https://u"));
}

}
