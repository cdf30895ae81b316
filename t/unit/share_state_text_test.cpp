#include "core/share/state_text.hpp"

#include "core/base/duration.hpp"
#include "core/keys/clients.hpp"
#include "core/share/codec.hpp"
#include "keys_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace {

using namespace gw;
using namespace gw::share;

constexpr std::int64_t now = 1780000000000;
constexpr std::string_view model = "gemini-2.5-pro";
constexpr std::string_view added_secret = "AIza-a-key-added-while-it-runs";

/// A pool on memory of its own, as after a start.
struct Host {
    explicit Host(std::size_t keys = 3)
        : memory(formatted_memory(keys::Layout::for_keys(keys))),
          pool(credentials(keys), {})
    {
        pool.adopt(memory.get());
    }

    std::string write(const Seal *seal = nullptr,
        std::string_view name = "main") const
    {
        return write_state(pool, name, seal, random, now);
    }

    StateResult read(std::string_view text, const Seal *seal = nullptr,
        std::string_view name = "main", std::int64_t at = now)
    {
        return read_state(text, name, seal, pool, at);
    }

    std::uint64_t id(std::size_t i) const { return pool.credentials()[i].id; }

    static void random(char *bytes, std::size_t size)
    {
        std::fill(bytes, bytes + size, 'n');
    }

    Memory memory;
    keys::Pool pool;
};

void add_key(Host &host, std::string_view secret)
{
    keys::KeyChange change;
    change.id = keys::credential_id(secret);
    change.added = true;
    change.weight = 5;
    change.name = "late";
    change.secret = secret;
    change.when_ms = now;

    ASSERT_EQ(host.pool.change_key(change, false, now),
        keys::Pool::Changed::done);
    host.pool.refresh(now);
}

/// A digest that is right again.
std::string ended(std::string text)
{
    constexpr char digits[] = "0123456789abcdef";
    std::string line = "end ";

    for (unsigned char byte : keys::digest_of(text)) {
        line += digits[byte >> 4];
        line += digits[byte & 15];
    }

    return text + line + '\n';
}

TEST(ShareStateText, OfAnUntouchedPoolIsTwoLines)
{
    std::string text = Host().write();

    EXPECT_EQ(text.substr(0, 20), "gemini-state 1 main\n");
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
    EXPECT_EQ(Host().read(text).read, StateRead::ok);
}

TEST(ShareStateText, BringsRestsLimitsAndUsageBack)
{
    Host first;
    auto verdict = verdict_of(keys::FailureClass::rate_limit, 60000);
    first.pool.failed(0, model, verdict, now);
    first.pool.failed(1, model, verdict_of(keys::FailureClass::invalid),
        now);
    first.pool.charge(2, model, 1000, now);
    first.pool.charge(2, model, 234, now);

    keys::LearnedLimit limit;
    limit.owner = first.id(2);
    limit.model = model;
    limit.quantity = keys::Quantity::rpd;
    limit.value = 50;
    limit.when_ms = now;
    ASSERT_TRUE(first.pool.apply(limit, now));

    Host second;
    StateResult result = second.read(first.write());
    EXPECT_EQ(result.read, StateRead::ok);
    EXPECT_GE(result.taken, 4u);
    EXPECT_EQ(result.skipped, 0u);

    auto view = second.pool.view(now);
    ASSERT_EQ(view.size(), 3u);
    ASSERT_EQ(view[0].models.size(), 1u);
    EXPECT_EQ(view[0].models[0].model, model);
    EXPECT_EQ(view[0].models[0].rest.until_ms, now + 60000);
    EXPECT_EQ(view[1].rest.failure, keys::FailureClass::invalid);
    EXPECT_TRUE(view[1].rest.active(now));
    ASSERT_EQ(view[2].uses.size(), 1u);
    EXPECT_EQ(view[2].uses[0].rpd, 2);
    EXPECT_EQ(view[2].uses[0].tpd, 1234);
    EXPECT_EQ(view[2].uses[0].learned.rpd, 50);

    // And nothing is different the second time.
    EXPECT_EQ(second.write(), first.write());
}

TEST(ShareStateText, ForgetsTheUsageOfAnotherDay)
{
    Host first;
    first.pool.charge(0, model, 1000, now);

    Host second;
    std::int64_t tomorrow = next_pacific_midnight(now);
    second.read(first.write(), nullptr, "main", tomorrow);
    EXPECT_TRUE(second.pool.totals(tomorrow).empty());
}

TEST(ShareStateText, TheLaterChangeHolds)
{
    Host first;
    first.pool.failed(0, model, verdict_of(keys::FailureClass::rate_limit,
        60000), now);

    Host second;
    second.read(first.write());
    second.pool.reset(0, now + 1);
    second.read(first.write());

    for (const keys::RestChange &rest : second.pool.rests(now + 1)) {
        EXPECT_FALSE(rest.rest.active(now + 1));
    }
}

TEST(ShareStateText, BringsAddedKeysBackSealed)
{
    Seal seal("a secret of at least sixteen bytes");
    Host first;
    add_key(first, added_secret);
    first.pool.failed(3, model, verdict_of(keys::FailureClass::rate_limit,
        60000), now);

    std::string text = first.write(&seal);
    EXPECT_EQ(text.find(added_secret), text.npos);

    Host second;
    StateResult result = second.read(text, &seal);
    EXPECT_EQ(result.keys_unopened, 0u);

    auto view = second.pool.view(now);
    ASSERT_EQ(view.size(), 4u);
    EXPECT_EQ(view[3].credential->secret, added_secret);
    EXPECT_EQ(view[3].credential->name, "late");
    EXPECT_EQ(view[3].credential->weight, 5u);
    ASSERT_EQ(view[3].models.size(), 1u);
    EXPECT_EQ(view[3].models[0].rest.until_ms, now + 60000);
}

TEST(ShareStateText, LeavesAddedKeysOutWithoutASeal)
{
    Host first;
    add_key(first, added_secret);

    std::string text = first.write();
    EXPECT_EQ(text.find("\nkey "), text.npos);
    EXPECT_EQ(text.find(added_secret), text.npos);
}

TEST(ShareStateText, CountsTheKeysItCannotOpen)
{
    Seal seal("a secret of at least sixteen bytes");
    Seal other("another one, which opens nothing");
    Host first;
    add_key(first, added_secret);
    std::string text = first.write(&seal);

    for (const Seal *with : { static_cast<const Seal *>(nullptr),
                              static_cast<const Seal *>(&other) })
    {
        Host second;
        StateResult result = second.read(text, with);
        EXPECT_EQ(result.read, StateRead::ok);
        EXPECT_EQ(result.keys_unopened, 1u);
        EXPECT_EQ(result.taken, 0u);
        EXPECT_EQ(second.pool.credentials().size(), 3u);
    }
}

TEST(ShareStateText, TakesNoSecretUnderAnothersId)
{
    Seal seal("a secret of at least sixteen bytes");
    std::string id = hex_id(keys::credential_id(added_secret));
    std::string sealed = seal.close("another secret", id, "nnnnnnnnnnnn");

    Host host;
    StateResult result = host.read(ended("gemini-state 1 main\nkey " + id
        + " 1780000000000 a - - - " + sealed + '\n'), &seal);
    EXPECT_EQ(result.keys_unopened, 1u);
    EXPECT_EQ(host.pool.credentials().size(), 3u);
}

TEST(ShareStateText, RemembersWhatWasSwitchedOffByHand)
{
    Host first;
    keys::KeyChange change;
    change.id = first.id(1);
    change.enabled = false;
    change.when_ms = now;
    first.pool.change_key(change, false, now);

    Host second;
    second.read(first.write());
    EXPECT_TRUE(second.pool.credentials()[0].enabled);
    EXPECT_FALSE(second.pool.credentials()[1].enabled);
}

TEST(ShareStateText, ReadTwiceChangesNothingAndBringsNothingOldBack)
{
    Host first;
    keys::KeyChange change;
    change.id = first.id(1);
    change.enabled = false;
    change.when_ms = now;
    first.pool.change_key(change, false, now);
    std::string text = first.write();

    Host second;
    EXPECT_EQ(second.read(text).taken, 1u);
    std::uint64_t events = second.pool.journal().next();
    EXPECT_EQ(second.read(text).taken, 0u);
    EXPECT_EQ(second.write(), text);
    EXPECT_EQ(second.pool.journal().next(), events);

    change.enabled = true;
    change.when_ms = now + 1;
    second.pool.change_key(change, false, now + 1);
    EXPECT_EQ(second.read(text).taken, 0u);
    EXPECT_TRUE(second.pool.credentials()[1].enabled);
}

TEST(ShareStateText, IsNotTakenWhenItIsCutOrChangedAnywhere)
{
    Host first;
    first.pool.failed(0, model, verdict_of(keys::FailureClass::rate_limit,
        60000), now);
    std::string text = first.write();

    for (std::size_t size = 1; size < text.size(); ++size) {
        Host second;
        EXPECT_EQ(second.read(text.substr(0, size)).read, StateRead::broken)
            << "cut at " << size;
        EXPECT_TRUE(second.pool.rests(now).empty());
    }

    for (std::size_t i = 16; i < text.size(); ++i) {
        std::string changed = text;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        Host second;
        EXPECT_EQ(second.read(changed).read, StateRead::broken) << "at " << i;
        EXPECT_TRUE(second.pool.rests(now).empty());
    }

    EXPECT_EQ(Host().read(text + '\n').read, StateRead::broken);
    EXPECT_EQ(Host().read(std::string(4096, '\0')).read, StateRead::broken);
}

TEST(ShareStateText, OfALaterVersionOrAnotherPoolIsLeftAlone)
{
    EXPECT_EQ(Host().read("").read, StateRead::empty);
    EXPECT_EQ(Host().read("gemini-state 2 main\nwhat we do not know").read,
        StateRead::newer);
    EXPECT_EQ(Host().read("gemini-state 0 main\n").read, StateRead::broken);
    EXPECT_EQ(Host().read("gemini-state x main\n").read, StateRead::broken);
    EXPECT_EQ(Host().read(Host().write(nullptr, "other")).read,
        StateRead::other_pool);
}

TEST(ShareStateText, SkipsLinesOfALaterVersionAndTakesTheRest)
{
    Host host;
    std::string id = hex_id(host.id(0));
    StateResult result = host.read(ended("gemini-state 1 main\n"
        "moon full\n"
        "rest " + id + "|m 1780000060000 rate_limit 1780000000000 0 -\n"
        "rest " + id + "|m 1780000060000 boredom 1780000000000 0 -\n"
        "\n"));

    EXPECT_EQ(result.read, StateRead::ok);
    EXPECT_EQ(result.taken, 1u);
    EXPECT_EQ(result.skipped, 3u);
    ASSERT_EQ(host.pool.rests(now).size(), 1u);
    EXPECT_EQ(host.pool.rests(now)[0].model, "m");
}

/// With one service account.
struct AccountHost {
    AccountHost()
        : memory(formatted_memory(keys::Layout::for_keys(1, 1))),
          pool({ account() }, {})
    {
        pool.adopt(memory.get());
    }

    static keys::Credential account()
    {
        keys::Credential one;
        one.secret = "service-account a@b gemini  ";
        one.account = true;
        one.token_id = 0x1234;

        return one;
    }

    void give(std::string_view token, std::int64_t expires_ms)
    {
        pool.tokens().store(0, 0x1234, token, expires_ms, now);
    }

    std::string write(const Seal *seal = nullptr, bool secrets = true) const
    {
        return write_state(pool, "main", seal, secrets
            ? std::function<void(char *, std::size_t)>(Host::random)
            : nullptr, now);
    }

    std::string token() const
    {
        auto found = pool.token_of(0);
        return found ? found->text : "(none)";
    }

    Memory memory;
    keys::Pool pool;
};

TEST(ShareStateText, KeepsTokensOfAccounts)
{
    Seal seal("a secret of the operator's");
    Seal other("another secret of theirs");

    for (const Seal *sealed_by : { static_cast<const Seal *>(nullptr),
             static_cast<const Seal *>(&seal) })
    {
        AccountHost host;
        host.give("ya29.a-token", now + 3600000);
        std::string text = host.write(sealed_by);
        EXPECT_EQ(text.find("ya29"), std::string::npos);
        EXPECT_NE(text.find("token 0000000000001234 "), std::string::npos);
        EXPECT_EQ(host.write(sealed_by, false).find("token "),
            std::string::npos);

        AccountHost next;
        StateResult result = read_state(text, "main", sealed_by, next.pool,
            now);
        EXPECT_EQ(result.taken, 1u);
        EXPECT_EQ(result.skipped, 0u);
        EXPECT_EQ(next.token(), "ya29.a-token");
        EXPECT_FALSE(next.pool.token_state_of(0)->due(now + 3299999));
        EXPECT_TRUE(next.pool.token_state_of(0)->due(now + 3300000));

        // Read again it changes nothing, nor does one that ends sooner.
        EXPECT_EQ(read_state(text, "main", sealed_by, next.pool, now).taken,
            0u);
        next.give("later", now + 3600001);
        read_state(text, "main", sealed_by, next.pool, now);
        EXPECT_EQ(next.token(), "later");

        // What has expired is nobody's loss.
        AccountHost late;
        result = read_state(text, "main", sealed_by, late.pool,
            now + 3600000);
        EXPECT_EQ(result.taken + result.skipped + result.keys_unopened, 0u);
        EXPECT_EQ(late.token(), "(none)");
    }

    AccountHost host;
    host.give("ya29.a-token", now + 3600000);
    AccountHost next;
    EXPECT_EQ(read_state(host.write(&seal), "main", &other, next.pool, now)
        .keys_unopened, 1u);
    EXPECT_EQ(next.token(), "(none)");
}

TEST(ShareStateText, TakesNoTokenThatIsNone)
{
    for (const char *line : {
             "token 0000000000001234 1780003600000 plain:YSBi",       // "a b"
             "token 0000000000001234 1780003600000 plain:!",
             "token 0000000000001234 1780003600000 sealed:YWE",
             "token 0000000000001234 1780003600000 YWE",
             "token 0000000000001234 soon plain:YWE",
             "token 1234 1780003600000 plain:YWE",
             "token 0000000000009999 1780003600000 plain:YWE",
             "token 0000000000001234 1980003600000 plain:YWE" })
    {
        AccountHost host;
        read_state(ended("gemini-state 1 main\n" + std::string(line) + "\n"),
            "main", nullptr, host.pool, now);
        EXPECT_EQ(host.token(), "(none)") << line;
    }
}

TEST(ShareStateText, ARefusedTokenIsNotKept)
{
    AccountHost host;
    host.give("ya29.a-token", now + 3600000);
    host.pool.refuse_token(0, host.pool.token_of(0)->number, now);
    EXPECT_EQ(host.write().find("token "), std::string::npos);
}

TEST(ShareStateText, KeepsWhoseAResourceIs)
{
    Host first;
    keys::Resource resource;

    resource.id = keys::resource_id("files/a");
    resource.project = first.id(1);
    resource.client = 7;
    resource.when_ms = now;
    resource.expires_ms = now + 3600 * 1000;
    ASSERT_TRUE(first.pool.keep_resource(resource, false, now));

    Host second;
    EXPECT_EQ(second.read(first.write()).taken, 1u);

    auto found = second.pool.resources().find(resource.id, now);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->project, resource.project);
    EXPECT_EQ(found->client, 7u);

    EXPECT_EQ(Host().read(first.write(), nullptr, "main",
        now + 2 * 3600 * 1000).taken, 0u);
}

}
