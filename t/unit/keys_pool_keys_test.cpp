#include "keys_memory.hpp"

#include "core/keys/pool.hpp"
#include "core/keys/regions.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace gw::keys;

constexpr std::int64_t now = pool_now;

TEST(KeysPoolKeys, IdsComeFromTheSecretAndNothingElse)
{
    EXPECT_EQ(credential_id("abc"), 0xba7816bf8f01cfeau);
    EXPECT_NE(credential_id("abc"), credential_id("abd"));

    std::vector<Credential> list = credentials(2);
    list[1].secret = list[0].secret;
    list[0].name.clear();
    list[0].secret = list[1].secret = "AIzaSyA-0123456789abcdefghijklmnopqrst";
    list[0].weight = 0;
    Pool pool(list, {});
    ASSERT_EQ(pool.credentials().size(), 1u);
    EXPECT_EQ(pool.credentials()[0].name, "AIza\xe2\x80\xa6rst");
    EXPECT_EQ(pool.credentials()[0].weight, 1u);
    EXPECT_EQ(pool.credentials()[0].project_id, pool.credentials()[0].id);
}

TEST(KeysPoolKeys, AReloadKeepsTheStateOfKeysThatStay)
{
    Memory memory = formatted_memory(Layout::for_keys(5));
    Pool before(credentials(5), {});
    ASSERT_TRUE(before.adopt(memory.get()));
    before.begin_try(3, now);
    before.failed(3, "m", verdict_of(FailureClass::no_access), now);
    before.failed(4, "m", verdict_of(FailureClass::invalid), now);

    std::vector<Credential> list = credentials(7);
    list.erase(list.begin());
    std::reverse(list.begin(), list.end());
    Pool after(list, {});
    ASSERT_TRUE(after.adopt(memory.get()));

    auto view = after.view(now);
    EXPECT_EQ(after.credentials()[3].name, "key-3");
    EXPECT_EQ(view[3].requests, 1u);
    EXPECT_EQ(view[3].in_flight, 1u);
    ASSERT_EQ(view[3].models.size(), 1u);
    EXPECT_EQ(view[2].rest.failure, FailureClass::invalid);
    EXPECT_EQ(after.credentials()[3].slot, before.credentials()[3].slot);
    EXPECT_EQ(after.credentials()[2].slot, before.credentials()[4].slot);

    // The old worker's try ends where it began.
    before.end_try(3);
    EXPECT_EQ(after.view(now)[3].in_flight, 0u);
}

TEST(KeysPoolKeys, AdoptingAgainChangesNothing)
{
    Memory memory = formatted_memory(Layout::for_keys(20));
    Pool pool(credentials(20), {});
    ASSERT_TRUE(pool.adopt(memory.get()));
    std::vector<std::uint32_t> slots;

    for (const Credential &credential : pool.credentials()) {
        EXPECT_EQ(credential.slot, slots.size());
        slots.push_back(credential.slot);
    }

    pool.begin_try(7, now);
    ASSERT_TRUE(pool.adopt(memory.get()));

    for (std::size_t i = 0; i < 20; ++i) {
        EXPECT_EQ(pool.credentials()[i].slot, slots[i]);
    }

    EXPECT_EQ(pool.view(now)[7].requests, 1u);
}

TEST(KeysPoolKeys, TheSlotNotNamedForLongestIsReused)
{
    Layout layout = small_layout(4);
    Memory memory = formatted_memory(layout);
    std::vector<Credential> all = credentials(6);

    auto of = [&all](std::vector<std::size_t> which) {
        std::vector<Credential> list;

        for (std::size_t i : which) {
            list.push_back(all[i]);
        }

        return Pool(list, {});
    };

    Pool a = of({0, 1});
    Pool b = of({1, 2});
    Pool c = of({2, 3});
    ASSERT_TRUE(a.adopt(memory.get()));
    a.begin_try(0, now);
    ASSERT_TRUE(b.adopt(memory.get()));
    ASSERT_TRUE(c.adopt(memory.get()));

    // 0 was named by the first configuration only.
    Pool d = of({2, 3, 4});
    ASSERT_TRUE(d.adopt(memory.get()));
    EXPECT_EQ(d.credentials()[2].slot, a.credentials()[0].slot);
    EXPECT_EQ(d.view(now)[2].requests, 0u);
    EXPECT_EQ(d.view(now)[2].in_flight, 0u);

    // An old worker no longer touches what was its key's.
    a.end_try(0);
    a.begin_try(0, now);
    EXPECT_EQ(a.failed(0, "m", verdict_of(FailureClass::invalid), now)
                  .until_ms, 0);
    EXPECT_EQ(d.view(now)[2].requests, 0u);
}

TEST(KeysPoolKeys, MoreKeysThanSlotsAreRefusedAndNothingChanges)
{
    Layout layout = small_layout(4);
    Memory memory = formatted_memory(layout);
    Pool few(credentials(4), {});
    ASSERT_TRUE(few.adopt(memory.get()));
    few.begin_try(0, now);

    Pool many(credentials(5), {});
    EXPECT_FALSE(many.adopt(memory.get()));
    EXPECT_EQ(few.view(now)[0].requests, 1u);
    EXPECT_EQ(few.header().generation.load(), 1u);
}

constexpr std::int64_t hour = 3600 * 1000;

KeyChange adding(std::string secret, std::string name = "later",
    std::int64_t when_ms = now)
{
    KeyChange change;
    change.id = credential_id(secret);
    change.added = true;
    change.secret = std::move(secret);
    change.name = std::move(name);
    change.when_ms = when_ms;

    return change;
}

KeyChange removing(std::string_view secret, std::int64_t when_ms = now)
{
    KeyChange change;
    change.id = credential_id(secret);
    change.added = true;
    change.removed = true;
    change.when_ms = when_ms;

    return change;
}

KeyChange switching(std::string_view secret, bool enabled,
    std::int64_t when_ms = now)
{
    KeyChange change;
    change.id = credential_id(secret);
    change.enabled = enabled;
    change.when_ms = when_ms;

    return change;
}

constexpr const char *secret = "a-secret-added-later";

bool holds(const PoolBench &bench, std::string_view text)
{
    const Header &header = bench.pool.header();
    std::string_view bytes(static_cast<const char *>(bench.memory.get()),
        Layout::for_keys(2).bytes());
    EXPECT_EQ(header.key_capacity, Layout::for_keys(2).key_capacity);

    return bytes.find(text) != std::string_view::npos;
}

TEST(KeysPoolKeys, AnAddedKeyIsUsedByEveryWorkerAtOnce)
{
    PoolBench bench(credentials(2));
    Pool other(credentials(2), {});
    ASSERT_TRUE(other.adopt(bench.memory.get()));

    KeyChange change = adding(secret);
    change.weight = 5000;
    change.project = "theirs";
    ASSERT_EQ(bench.pool.change_key(change, false, now),
        Pool::Changed::done);

    for (Pool *pool : { &bench.pool, &other }) {
        pool->refresh(now);
        ASSERT_EQ(pool->credentials().size(), 3u);
        const Credential &key = pool->credentials()[2];
        EXPECT_EQ(key.secret, secret);
        EXPECT_EQ(key.name, "later");
        EXPECT_EQ(key.project, "theirs");
        EXPECT_NE(key.project_id, key.id);
        EXPECT_EQ(key.weight, 1000u);
        EXPECT_TRUE(key.added);
        EXPECT_TRUE(key.usable());
        EXPECT_EQ(pool->credential_in(key.slot), 2u);
        EXPECT_EQ(pool->view(now).size(), 3u);
        EXPECT_EQ(pool->usable(now), 3u);
    }

    auto events = bench.events();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].kind, EventKind::key_added);
    EXPECT_EQ(events[0].owner, credential_id(secret));
    EXPECT_FALSE(events[0].remote);
    ASSERT_TRUE(bench.pool.key_of(events[0]));
    EXPECT_EQ(bench.pool.key_of(events[0])->secret, secret);
    ASSERT_EQ(bench.pool.key_changes().size(), 1u);

    // Twice is once.
    EXPECT_EQ(other.change_key(change, false, now), Pool::Changed::unchanged);
    EXPECT_EQ(other.change_key(change, true, now), Pool::Changed::unchanged);
    EXPECT_EQ(bench.events().size(), 1u);

    EXPECT_TRUE(bench.usable(2));
    EXPECT_TRUE(bench.fail(2, FailureClass::invalid).news);
    EXPECT_EQ(other.view(now)[2].rest.failure, FailureClass::invalid);
}

TEST(KeysPoolKeys, APoolWithoutConfiguredKeysTakesAddedOnes)
{
    PoolBench bench({});
    EXPECT_FALSE(bench.pool.choose({}).ok());
    EXPECT_FALSE(bench.pool.healthy(now));
    ASSERT_EQ(bench.pool.change_key(adding(secret), true, now),
        Pool::Changed::done);
    EXPECT_TRUE(bench.events()[0].remote);
    Wanted wanted;
    wanted.model = "m";
    wanted.now_ms = now;
    EXPECT_EQ(bench.pool.choose(wanted).credential, 0u);
    EXPECT_TRUE(bench.pool.healthy(now));
}

TEST(KeysPoolKeys, ARemovedKeyIsGoneAndItsSecretWithIt)
{
    PoolBench bench(credentials(2));
    bench.pool.change_key(adding(secret), false, now);
    EXPECT_TRUE(holds(bench, secret));
    std::uint32_t slot = bench.pool.credentials()[2].slot;

    ASSERT_EQ(bench.pool.change_key(removing(secret), false, now),
        Pool::Changed::done);
    EXPECT_FALSE(holds(bench, secret));
    ASSERT_EQ(bench.pool.credentials().size(), 3u);
    EXPECT_TRUE(bench.pool.credentials()[2].removed);
    EXPECT_FALSE(bench.usable(2));
    EXPECT_EQ(bench.pool.view(now).size(), 2u);
    EXPECT_EQ(bench.pool.usable(now), 2u);
    EXPECT_EQ(bench.pool.credential_in(slot), Choice::nobody);
    EXPECT_EQ(bench.pool.find("later", now).credential, Choice::nobody);
    EXPECT_EQ(bench.events().back().kind, EventKind::key_removed);
    EXPECT_TRUE(bench.pool.key_of(bench.events().back())->removed);

    // What was under way ends without harm.
    bench.pool.end_try(2);
    bench.pool.succeeded(2, "m", now);

    EXPECT_EQ(bench.pool.change_key(removing(secret, now + hour), false,
        now + hour), Pool::Changed::unchanged);
    EXPECT_EQ(bench.pool.change_key(removing("unknown"), false, now),
        Pool::Changed::unchanged);

    // Of those configured nobody may be removed.
    std::string configured = bench.pool.credentials()[0].secret;
    EXPECT_EQ(bench.pool.change_key(removing(configured), false, now),
        Pool::Changed::unchanged);
    EXPECT_TRUE(bench.usable(0));
}

TEST(KeysPoolKeys, AnIndexIsGivenAwayAfterAnHourOnly)
{
    PoolBench bench(credentials(2));
    bench.pool.change_key(adding(secret), false, now);
    bench.pool.change_key(removing(secret), false, now);

    bench.pool.change_key(adding("another-secret"), false, now + hour);
    EXPECT_EQ(bench.pool.credentials().size(), 4u);
    bench.pool.change_key(adding("yet-another-secret"), false,
        now + hour + 1);
    ASSERT_EQ(bench.pool.credentials().size(), 4u);
    EXPECT_EQ(bench.pool.credentials()[2].secret, "yet-another-secret");
    EXPECT_TRUE(bench.pool.credentials()[2].usable());

    // One that comes back has its own, if it still is.
    bench.pool.change_key(removing("another-secret"), false, now + hour);
    bench.pool.change_key(adding("another-secret"), false, now + hour);
    EXPECT_EQ(bench.pool.credentials().size(), 4u);
    EXPECT_EQ(bench.pool.credentials()[3].secret, "another-secret");
    EXPECT_TRUE(bench.pool.credentials()[3].usable());
}

TEST(KeysPoolKeys, AConfiguredKeyIsSwitchedOffRenamedAndWeighted)
{
    PoolBench bench(credentials(2, 7));
    std::string configured = bench.pool.credentials()[0].secret;
    ASSERT_EQ(bench.pool.change_key(switching(configured, false), false,
        now), Pool::Changed::done);
    EXPECT_FALSE(bench.usable(0));
    EXPECT_TRUE(bench.usable(1));
    EXPECT_EQ(bench.pool.usable(now), 1u);
    EXPECT_EQ(bench.pool.view(now).size(), 2u);
    EXPECT_EQ(bench.events().back().kind, EventKind::key_changed);
    EXPECT_EQ(bench.pool.change_key(switching(configured, false), false,
        now), Pool::Changed::unchanged);

    KeyChange change = switching(configured, true);
    change.name = "renamed";
    change.weight = 3;
    // It stands in the configuration, whatever another host thinks.
    change.added = true;
    change.secret = configured;
    ASSERT_EQ(bench.pool.change_key(change, true, now + 1),
        Pool::Changed::unchanged);
    change.when_ms = now + 5;
    ASSERT_EQ(bench.pool.change_key(change, true, now + 1),
        Pool::Changed::done);
    EXPECT_EQ(bench.pool.credentials()[0].name, "renamed");
    EXPECT_EQ(bench.pool.credentials()[0].weight, 3u);
    EXPECT_FALSE(bench.pool.credentials()[0].added);
    EXPECT_TRUE(bench.usable(0));
    EXPECT_FALSE(holds(bench, configured));
    EXPECT_EQ(bench.pool.credentials().size(), 2u);

    ASSERT_EQ(bench.pool.change_key(switching(configured, true), false,
        now + 1), Pool::Changed::done);
    EXPECT_EQ(bench.pool.credentials()[0].name, "key-0");
    EXPECT_EQ(bench.pool.credentials()[0].weight, 7u);
}

TEST(KeysPoolKeys, SwitchingAnUnknownKeyChangesNothing)
{
    PoolBench bench(credentials(2));
    EXPECT_EQ(bench.pool.change_key(switching("unknown", false), true, now),
        Pool::Changed::unchanged);

    // Nor does what a host says that may not tell the secret.
    KeyChange change = adding("unknown");
    change.secret.clear();
    EXPECT_EQ(bench.pool.change_key(change, true, now),
        Pool::Changed::unchanged);

    // Nor a secret of another id.
    change = adding(secret);
    change.id ^= 1;
    EXPECT_EQ(bench.pool.change_key(change, true, now),
        Pool::Changed::unchanged);
    EXPECT_TRUE(bench.pool.key_changes().empty());
    EXPECT_TRUE(bench.events().empty());
}

TEST(KeysPoolKeys, AnAddedKeyIsChangedWithoutItsSecret)
{
    PoolBench bench(credentials(2));
    bench.pool.change_key(adding(secret), false, now);
    ASSERT_EQ(bench.pool.change_key(switching(secret, false), false, now),
        Pool::Changed::done);
    EXPECT_FALSE(bench.pool.credentials()[2].enabled);
    EXPECT_EQ(bench.pool.credentials()[2].secret, secret);
    EXPECT_EQ(bench.events().back().kind, EventKind::key_changed);
    EXPECT_FALSE(bench.usable(2));
    ASSERT_EQ(bench.pool.change_key(switching(secret, true), false, now),
        Pool::Changed::done);
    EXPECT_TRUE(bench.usable(2));
}

TEST(KeysPoolKeys, AReloadKeepsAddedKeysAndTheirState)
{
    Memory memory = formatted_memory(Layout::for_keys(2));
    Pool before(credentials(2), {});
    ASSERT_TRUE(before.adopt(memory.get()));
    before.change_key(adding(secret), false, now);
    before.change_key(adding("gone-again-at-once"), false, now);
    before.change_key(removing("gone-again-at-once"), false, now);
    before.change_key(switching(before.credentials()[1].secret, false),
        false, now);
    before.begin_try(2, now);
    before.failed(2, "m", verdict_of(FailureClass::no_access), now);

    Pool after(credentials(3), {});
    ASSERT_TRUE(after.adopt(memory.get()));
    ASSERT_EQ(after.credentials().size(), 4u);
    EXPECT_EQ(after.credentials()[3].secret, secret);
    EXPECT_EQ(after.view(now)[3].requests, 1u);
    EXPECT_EQ(after.view(now)[3].models.size(), 1u);
    EXPECT_FALSE(after.credentials()[1].enabled);

    // Many slots change hands; that of a live key does not.
    ASSERT_TRUE(Pool(credentials(1000), {}).adopt(memory.get()));
    ASSERT_TRUE(after.adopt(memory.get()));
    EXPECT_EQ(after.view(now)[3].requests, 1u);

    // Now it stands in the configuration as well: once, under its name there.
    std::vector<Credential> list = credentials(2);
    list[0].secret = secret;
    list[0].name = "configured";
    Pool named(list, {});
    ASSERT_TRUE(named.adopt(memory.get()));
    ASSERT_EQ(named.credentials().size(), 2u);
    EXPECT_EQ(named.credentials()[0].name, "configured");
    EXPECT_EQ(named.view(now)[0].requests, 1u);
}

TEST(KeysPoolKeys, WithoutRoomNoKeyIsAdded)
{
    // Two slots beside the configured ones, four places in the table.
    Memory memory = formatted_memory(small_layout(4));
    Pool pool(credentials(2), {});
    ASSERT_TRUE(pool.adopt(memory.get()));
    EXPECT_EQ(pool.change_key(adding("secret-one"), false, now),
        Pool::Changed::done);
    EXPECT_EQ(pool.change_key(adding("secret-two"), false, now),
        Pool::Changed::done);
    EXPECT_EQ(pool.change_key(adding("secret-three"), false, now),
        Pool::Changed::no_room);
    EXPECT_EQ(pool.credentials().size(), 4u);
    EXPECT_EQ(pool.key_changes().size(), 2u);

    EXPECT_EQ(pool.change_key(removing("secret-one"), false, now),
        Pool::Changed::done);
    EXPECT_EQ(pool.change_key(adding("secret-three"), false, now),
        Pool::Changed::done);
    EXPECT_EQ(pool.usable(now), 4u);

    KeyChange change = switching(pool.credentials()[0].secret, false);
    EXPECT_EQ(pool.change_key(change, false, now), Pool::Changed::done);
    // The place of the removed one, the last there is.
    change = switching(pool.credentials()[1].secret, false);
    EXPECT_EQ(pool.change_key(change, false, now), Pool::Changed::done);
    EXPECT_EQ(pool.key_changes().size(), 4u);

    // Configured keys come first.
    Pool more(credentials(4), {});
    ASSERT_TRUE(more.adopt(memory.get()));
    EXPECT_EQ(more.credentials().size(), 4u);
    EXPECT_FALSE(Pool(credentials(5), {}).adopt(memory.get()));
}

TEST(KeysPoolKeys, KeysAreFoundByIdNameAndBeginning)
{
    std::vector<Credential> list = credentials(4);
    list[0].secret = "AIzaSyA-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    list[1].secret = "AIzaSyA-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    list[2].secret = "AIzaSyA-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-longer";
    list[3].secret = "AIz-short";
    list[3].name = "key-0";
    list[2].name = "AIzaSyA-a";
    PoolBench bench(std::move(list));
    Pool &pool = bench.pool;

    char id[17];
    std::snprintf(id, sizeof(id), "%016llx",
        static_cast<unsigned long long>(pool.credentials()[1].id));

    struct Case {
        std::string text;
        std::size_t index;
        bool ambiguous;
    };

    for (const Case &c : {
        Case{id, 1, false},
        Case{"key-1", 1, false},
        Case{"key-0", Choice::nobody, true},
        Case{"AIzaSyA-a", 2, false},            // a name comes first
        Case{"AIzaSyA-aa", 0, false},
        Case{"AIzaSyA-b", Choice::nobody, true},
        Case{"AIzaSyA-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", 1, false},
        Case{"AIz-", 3, false},
        Case{"AIz", Choice::nobody, false},
        Case{"", Choice::nobody, false},
        Case{"0000000000000000", Choice::nobody, false},
        Case{"nothing", Choice::nobody, false} })
    {
        Pool::Found found = pool.find(c.text, now);
        EXPECT_EQ(found.credential, c.index) << c.text;
        EXPECT_EQ(found.ambiguous, c.ambiguous) << c.text;
    }
}

TEST(KeysPoolKeys, AnAddedKeyOfADeadWriterIsLeftOutUntilWrittenAgain)
{
    PoolBench bench(credentials(2));
    bench.pool.change_key(adding(secret), false, now);
    Regions regions = regions_of(bench.memory.get());
    regions.added[0].version.fetch_add(1);
    bench.pool.header().keys_version.fetch_add(1);
    bench.pool.refresh(now);
    EXPECT_TRUE(bench.pool.credentials()[2].removed);

    EXPECT_EQ(bench.pool.change_key(adding(secret), false, now),
        Pool::Changed::done);
    EXPECT_TRUE(bench.pool.credentials()[2].usable());
    EXPECT_EQ(bench.pool.credentials().size(), 3u);
}

TEST(KeysPoolKeys, ASlotIsNamedByNobodyWhenAnotherHasIt)
{
    Memory memory = formatted_memory(small_layout(4));
    Pool pool(credentials(4), {});
    ASSERT_TRUE(pool.adopt(memory.get()));
    EXPECT_EQ(pool.credential_in(2), 2u);
    EXPECT_EQ(pool.credential_in(99), Choice::nobody);

    std::vector<Credential> list = credentials(6);
    list.erase(list.begin(), list.begin() + 2);
    Pool newer(list, {});
    ASSERT_TRUE(newer.adopt(memory.get()));
    EXPECT_EQ(pool.credential_in(0), Choice::nobody);
    EXPECT_EQ(newer.credential_in(0), 2u);
}

}
