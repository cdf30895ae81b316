#include "core/share/codec.hpp"

#include "core/keys/cooldown.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using namespace gw;
using namespace gw::share;
using keys::FailureClass;

constexpr std::int64_t now = 1780000000000;
constexpr std::uint64_t owner = 0x0123456789abcdef;

keys::RestChange rest_of(std::string model, std::int64_t until)
{
    keys::RestChange change;
    change.owner = owner;
    change.model = std::move(model);
    change.rest.until_ms = until;
    change.rest.failure = FailureClass::rate_limit;
    change.rest.repeats = 3;
    change.rest.perhaps_daily = true;
    change.when_ms = now;

    return change;
}

void expect_same(const keys::RestChange &a, const keys::RestChange &b)
{
    EXPECT_EQ(a.owner, b.owner);
    EXPECT_EQ(a.model, b.model);
    EXPECT_EQ(a.rest.until_ms, b.rest.until_ms);
    EXPECT_EQ(a.rest.failure, b.rest.failure);
    EXPECT_EQ(a.rest.repeats, b.rest.repeats);
    EXPECT_EQ(a.rest.perhaps_daily, b.rest.perhaps_daily);
    EXPECT_EQ(a.when_ms, b.when_ms);
}

TEST(ShareCodec, WritesARestSoThatPeopleCanReadIt)
{
    Entry entry = write_rest(rest_of("gemini-2.5-pro", now + 7000), 0);

    EXPECT_EQ(entry.field, "0123456789abcdef|gemini-2.5-pro");
    EXPECT_EQ(entry.value, "1780000007000 rate_limit 1780000000000 3 d");
}

TEST(ShareCodec, BringsARestBackAsItWas)
{
    for (std::int64_t until : { std::int64_t{0}, now + 1, keys::no_end_ms }) {
        for (const char *model : { "", "gemini-2.5-pro", "tuned models|x%\n",
                                   "\xf0\x9f\x8d\x8c" })
        {
            keys::RestChange change = rest_of(model, until);
            Entry entry = write_rest(change, 0);
            auto read = read_rest(entry.field, entry.value, 0);

            ASSERT_TRUE(read) << entry.field << ' ' << entry.value;
            expect_same(*read, change);
        }
    }
}

TEST(ShareCodec, ShiftsTimesToTheCommonClockAndBack)
{
    constexpr std::int64_t offset = -3600000;

    Entry entry = write_rest(rest_of("m", now + 7000), offset);
    EXPECT_EQ(entry.value, "1779996407000 rate_limit 1779996400000 3 d");

    auto read = read_rest(entry.field, entry.value, offset);
    ASSERT_TRUE(read);
    expect_same(*read, rest_of("m", now + 7000));

    // A host whose clock is an hour ahead reads an hour more.
    auto other = read_rest(entry.field, entry.value, offset - 3600000);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->when_ms, now + 3600000);
}

TEST(ShareCodec, DoesNotShiftWhatHasNoEnd)
{
    Entry entry = write_rest(rest_of("m", keys::no_end_ms), 5000);
    EXPECT_EQ(entry.value, "17592186044415 rate_limit 1780000005000 3 d");

    auto read = read_rest(entry.field, entry.value, 5000);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->rest.until_ms, keys::no_end_ms);

    Entry reset = write_rest(rest_of("m", 0), 5000);
    EXPECT_EQ(reset.value.substr(0, 2), "0 ");
}

TEST(ShareCodec, TakesNothingForARestThatIsNone)
{
    const std::string field = "0123456789abcdef|m";
    const std::string value = "1780000007000 rate_limit 1780000000000 3 -";
    ASSERT_TRUE(read_rest(field, value, 0));

    for (const char *wrong : {
             "", "0123456789abcdef", "0123456789ABCDEF|m", "123|m",
             "0000000000000000|m", "0123456789abcdef|a b",
             "0123456789abcdef|a|b", "0123456789abcdef|%",
             "0123456789abcdef|%4",
             "0123456789abcdef|%41", "0123456789abcdef|%2F",
             "0123456789abcdef|%g0" })
    {
        EXPECT_FALSE(read_rest(wrong, value, 0)) << wrong;
    }

    EXPECT_FALSE(read_rest("0123456789abcdef|" + std::string(120, 'm'),
        value, 0));

    for (const char *wrong : {
             "", " ", "1780000007000", "1780000007000 rate_limit",
             "1780000007000 rate_limit 1780000000000",
             "1780000007000 rate_limit 1780000000000 3",
             "1780000007000 rate_limit 1780000000000 3 ",
             "1780000007000 rate_limit 1780000000000 3 x",
             "1780000007000 rate_limit 1780000000000 3 dd",
             "1780000007000 rate_limit 1780000000000 3 -d",
             "1780000007000 rate_limit 1780000000000 3 - 1",
             "1780000007000 rate_limit 1780000000000 256 -",
             "1780000007000 rate_limit 1780000000000 -1 -",
             "1780000007000 rate_limit 1780000000000 03 -",
             "1780000007000 rate_limit 0 3 -",
             "1780000007000 rate_limit 946684799999 3 -",
             "1780000007000 rate_limit 7258118400001 3 -",
             "1780000007000 laziness 1780000000000 3 -",
             "1780000007000 none 1780000000000 3 -",
             "7258118400001 rate_limit 1780000000000 3 -",
             "17592186044414 rate_limit 1780000000000 3 -",
             "99999999999999999999 rate_limit 1780000000000 3 -",
             "-1 rate_limit 1780000000000 3 -",
             "+1780000007000 rate_limit 1780000000000 3 -",
             "1780000007000  rate_limit 1780000000000 3 -",
             " 1780000007000 rate_limit 1780000000000 3 -" })
    {
        EXPECT_FALSE(read_rest(field, wrong, 0)) << wrong;
    }
}

TEST(ShareCodec, RefusesTimesThatAShiftCarriesOutOfTheBounds)
{
    const std::string value = "1780000007000 rate_limit 1780000000000 3 -";

    for (std::int64_t offset : { INT64_MIN, INT64_MAX, now,
                                 std::int64_t{-6000000000000} })
    {
        EXPECT_FALSE(read_rest("0123456789abcdef|m", value, offset));
    }
}

TEST(ShareCodec, BringsALearnedLimitBackAsItWas)
{
    const char *names[] = { "rpm", "rpd", "tpm", "tpd" };

    for (std::size_t i = 0; i < keys::quantities; ++i) {
        keys::LearnedLimit limit;
        limit.owner = owner;
        limit.model = "a|b";
        limit.quantity = static_cast<keys::Quantity>(i);
        limit.value = 250000;
        limit.when_ms = now;

        Entry entry = write_limit(limit, 1000);
        EXPECT_EQ(entry.field, std::string("0123456789abcdef|a%7cb|")
            + names[i]);
        EXPECT_EQ(entry.value, "250000 1780000001000");

        auto read = read_limit(entry.field, entry.value, 1000);
        ASSERT_TRUE(read);
        EXPECT_EQ(read->owner, owner);
        EXPECT_EQ(read->model, "a|b");
        EXPECT_EQ(read->quantity, limit.quantity);
        EXPECT_EQ(read->value, 250000);
        EXPECT_EQ(read->when_ms, now);
    }
}

TEST(ShareCodec, TakesNothingForALimitThatIsNone)
{
    ASSERT_TRUE(read_limit("0123456789abcdef|m|rpm", "5 1780000000000", 0));

    for (const char *field : { "0123456789abcdef|m", "0123456789abcdef|m|rps",
                               "0123456789abcdef|m|", "|rpm", "rpm", "" })
    {
        EXPECT_FALSE(read_limit(field, "5 1780000000000", 0)) << field;
    }

    for (const char *value : { "", "5", "0 1780000000000", "-5 1780000000000",
                               "5 1780000000000 1", "5.0 1780000000000",
                               "1000000000001 1780000000000" })
    {
        EXPECT_FALSE(read_limit("0123456789abcdef|m|rpm", value, 0)) << value;
    }
}

TEST(ShareCodec, BringsADaysTotalBackAsItWas)
{
    keys::UseTotal total;
    total.owner = owner;
    total.model = "gemini-2.5-flash";
    total.day = 20601;
    total.requests = 17;
    total.tokens = 1234567;

    Entry entry = write_total(total);
    EXPECT_EQ(entry.field, use_field(owner, "gemini-2.5-flash"));
    EXPECT_EQ(entry.value, "20601 17 1234567");

    auto read = read_total(entry.field, entry.value);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->owner, total.owner);
    EXPECT_EQ(read->model, total.model);
    EXPECT_EQ(read->day, total.day);
    EXPECT_EQ(read->requests, total.requests);
    EXPECT_EQ(read->tokens, total.tokens);

    for (const char *value : { "", "20601", "20601 17", "20601 -1 5",
                               "20601 1 5 6", "0 1 5", "99999 1 5" })
    {
        EXPECT_FALSE(read_total(entry.field, value)) << value;
    }
}

keys::KeyChange added_key()
{
    keys::KeyChange change;
    change.id = owner;
    change.added = true;
    change.weight = 7;
    change.name = "team a";
    change.project = "p-1";
    change.secret = "never written in the open";
    change.when_ms = now;

    return change;
}

TEST(ShareCodec, BringsAKeyBackWithoutItsSecret)
{
    Entry entry = write_key(added_key(), "c2VhbGVk", 0);
    EXPECT_EQ(entry.field, "0123456789abcdef");
    EXPECT_EQ(entry.value, "1780000000000 a 7 dGVhbSBh cC0x c2VhbGVk");

    auto read = read_key(entry.field, entry.value, 0);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->sealed, "c2VhbGVk");
    EXPECT_EQ(read->change.id, owner);
    EXPECT_TRUE(read->change.added);
    EXPECT_FALSE(read->change.removed);
    EXPECT_TRUE(read->change.enabled);
    EXPECT_EQ(read->change.weight, 7u);
    EXPECT_EQ(read->change.name, "team a");
    EXPECT_EQ(read->change.project, "p-1");
    EXPECT_EQ(read->change.secret, "");
    EXPECT_EQ(read->change.when_ms, now);
}

TEST(ShareCodec, LeavesOutWhatIsAsConfigured)
{
    keys::KeyChange change;
    change.id = 1;
    change.enabled = false;
    change.when_ms = now;

    Entry entry = write_key(change, {}, 0);
    EXPECT_EQ(entry.value, "1780000000000 d - - - -");

    auto read = read_key(entry.field, entry.value, 0);
    ASSERT_TRUE(read);
    EXPECT_FALSE(read->change.enabled);
    EXPECT_FALSE(read->change.added);
    EXPECT_FALSE(read->change.weight);
    EXPECT_FALSE(read->change.name);
    EXPECT_EQ(read->change.project, "");
    EXPECT_EQ(read->sealed, "");
}

TEST(ShareCodec, TakesNothingForAKeyThatIsNone)
{
    const std::string long_name(88, 'A');

    for (const std::string &value : {
             std::string(), std::string("1780000000000 a 7 - -"),
             std::string("1780000000000 a 0 - - -"),
             std::string("1780000000000 a 1001 - - -"),
             std::string("1780000000000 ra 1 - - -"),
             std::string("1780000000000 x 1 - - -"),
             std::string("1780000000000 - 1 A - -"),
             std::string("1780000000000 - 1 dGVhbSBh= - -"),
             std::string("1780000000000 - 1 dGVhbSBi/w - -"),
             std::string("1780000000000 - 1 Cg - -"),        // a line's end
             std::string("1780000000000 - 1 _w - -"),        // no UTF-8
             std::string("1780000000000 - 1  - -"),
             "1780000000000 - 1 " + long_name + " - -",
             std::string("1780000000000 - 1 - - a.b"),
             std::string("1780000000000 - 1 - - "),
             std::string("1780000000000 - 1 - - - -"),
             "1780000000000 a 1 - - " + std::string(1000, 'A') })
    {
        EXPECT_FALSE(read_key("0123456789abcdef", value, 0)) << value;
    }

    EXPECT_FALSE(read_key("0000000000000000", "1780000000000 - 1 - - -", 0));
    EXPECT_FALSE(read_key("123", "1780000000000 - 1 - - -", 0));
}

TEST(ShareCodec, ReadsFieldsOfUsage)
{
    std::uint64_t id = 0;
    std::string model;

    EXPECT_EQ(use_field(1, "m n"), "0000000000000001|m%20n");
    ASSERT_TRUE(read_use_field("0000000000000001|m%20n", id, model));
    EXPECT_EQ(id, 1u);
    EXPECT_EQ(model, "m n");

    EXPECT_FALSE(read_use_field("0000000000000001|m|r", id, model));
    EXPECT_FALSE(read_use_field("0000000000000001", id, model));
}

TEST(ShareCodec, BringsAMessageBackAsItWas)
{
    Message message(owner);
    EXPECT_TRUE(message.empty());

    message.add("rest", "0123456789abcdef|m", "1 2 3");
    message.add("sig", "0123456789abcdef", "AbC+/=");
    message.add("hello", "", "");
    EXPECT_FALSE(message.empty());
    EXPECT_EQ(message.text(), "0123456789abcdef\n"
                              "rest 0123456789abcdef|m 1 2 3\n"
                              "sig 0123456789abcdef AbC+/=\n"
                              "hello  \n");
    EXPECT_EQ(message.size(), message.text().size());

    std::uint64_t host = 0;
    std::vector<Item> items;
    ASSERT_TRUE(read_message(message.text(), host, items));
    EXPECT_EQ(host, owner);
    ASSERT_EQ(items.size(), 3u);
    EXPECT_EQ(items[0].kind, "rest");
    EXPECT_EQ(items[0].field, "0123456789abcdef|m");
    EXPECT_EQ(items[0].value, "1 2 3");
    EXPECT_EQ(items[1].value, "AbC+/=");
    EXPECT_EQ(items[2].kind, "hello");
    EXPECT_EQ(items[2].field, "");
    EXPECT_EQ(items[2].value, "");
}

TEST(ShareCodec, AddsNothingThatWouldBreakAMessage)
{
    Message message(1);

    message.add("sig", "1", "a\nkey 1 2");
    message.add("sig", "1 2", "a");
    message.add("sig", "1\n", "a");
    message.add("two words", "1", "a");
    message.add("", "1", "a");

    EXPECT_TRUE(message.empty());
    EXPECT_EQ(message.text(), "0000000000000001\n");
}

TEST(ShareCodec, LeavesOutItemsThatAreNone)
{
    std::uint64_t host = 0;
    std::vector<Item> items;

    ASSERT_TRUE(read_message("0000000000000001\nrest\nREST a b\n\n c d\n"
                             "rest a\nuse a b c", host, items));
    ASSERT_EQ(items.size(), 1u);
    EXPECT_EQ(items[0].kind, "use");
    EXPECT_EQ(items[0].value, "b c");
}

TEST(ShareCodec, KnowsWhatIsNoMessage)
{
    std::uint64_t host = 0;
    std::vector<Item> items;

    for (const char *text : { "", "\n", "1\n", "0000000000000001",
                              "000000000000000g\nrest a b\n" })
    {
        EXPECT_FALSE(read_message(text, host, items)) << text;
    }

    EXPECT_FALSE(read_message("0000000000000001\n"
        + std::string(Message::max_bytes, 'a'), host, items));
    EXPECT_TRUE(items.empty());
}

TEST(ShareCodec, AResourceComesBackAsItWent)
{
    keys::Resource resource;
    resource.id = 0x1234;
    resource.project = 0x5678;
    resource.client = 0;
    resource.expires_ms = 1768507200000;
    resource.when_ms = 1768500000000;

    Entry entry = write_resource(resource, 1000);
    EXPECT_EQ(entry.field, "0000000000001234");
    EXPECT_EQ(entry.value, "0000000000005678 0000000000000000 "
        "1768507201000 1768500001000");

    auto back = read_resource(entry.field, entry.value, 1000);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->id, resource.id);
    EXPECT_EQ(back->project, resource.project);
    EXPECT_EQ(back->client, 0u);
    EXPECT_EQ(back->expires_ms, resource.expires_ms);
    EXPECT_EQ(back->when_ms, resource.when_ms);

    for (const char *value : {"", "5678 0 1768507201000 1768500001000",
             "0000000000005678 0000000000000000 1768507201000",
             "0000000000005678 0000000000000000 1 1768500001000",
             "0000000000005678 0000000000000000 1768507201000 1768500001000 x"})
    {
        EXPECT_FALSE(read_resource(entry.field, value, 0)) << value;
    }

    EXPECT_FALSE(read_resource("0000000000000000", entry.value, 0));
}

}
