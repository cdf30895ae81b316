#include "core/keys/cells.hpp"
#include "core/keys/cooldown.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace {

using namespace gw::keys;

constexpr std::int64_t now = 1768507200000;

std::uint64_t rest_until(std::int64_t until_ms)
{
    Rest rest;
    rest.until_ms = until_ms;
    rest.failure = FailureClass::rate_limit;

    return pack(rest);
}

TEST(KeysCells, ACellIsFoundAgainAndOnlyByItsId)
{
    auto cells = std::make_unique<Cell[]>(64);
    CellTable table(cells.get(), 64);

    EXPECT_EQ(table.find(5), nullptr);
    Cell *cell = table.claim(5, now);
    ASSERT_NE(cell, nullptr);
    EXPECT_EQ(table.find(5), cell);
    EXPECT_EQ(table.claim(5, now), cell);
    // The same place, another id.
    EXPECT_EQ(table.find(5 + 64), nullptr);
    Cell *other = table.claim(5 + 64, now);
    EXPECT_NE(other, cell);
    EXPECT_EQ(table.find(5 + 64), other);
    EXPECT_EQ(table.find(5), cell);
}

TEST(KeysCells, OwnersAndModelsMakeDifferentIds)
{
    std::set<std::uint64_t> ids;

    for (std::uint64_t owner = 0; owner < 100; ++owner) {
        for (std::uint64_t model = 0; model < 100; ++model) {
            ids.insert(CellTable::id_of(owner, model));
        }
    }

    EXPECT_EQ(ids.size(), 10000u);
    EXPECT_EQ(ids.count(0), 0u);
}

TEST(KeysCells, OnlyWhatMeansNothingAnyMoreIsTakenOver)
{
    auto cells = std::make_unique<Cell[]>(32);
    CellTable table(cells.get(), 32);

    for (std::uint64_t id = 1; id <= 32; ++id) {
        table.claim(id, now)->rest = rest_until(now + 1);
    }

    EXPECT_EQ(table.claim(100, now), nullptr);
    EXPECT_EQ(table.claim(100, now + 1 + repeat_within_ms), nullptr);

    table.find(20)->rest = rest_until(now - 5);
    std::int64_t late = now - 5 + repeat_within_ms;
    EXPECT_EQ(table.claim(100, late), nullptr);
    Cell *place = table.find(20);
    EXPECT_EQ(table.claim(100, late + 1), place);
    EXPECT_EQ(table.find(20), nullptr);
    EXPECT_EQ(table.find(100), place);

    // The others are still found, past the place that changed hands.
    for (std::uint64_t id = 1; id <= 32; ++id) {
        EXPECT_EQ(table.find(id) == nullptr, id == 20);
    }
}

TEST(KeysCells, ACellTakenOverHasNothingOfItsFormerOwner)
{
    auto cells = std::make_unique<Cell[]>(1);
    CellTable table(cells.get(), 1);
    Cell *cell = table.claim(5, now);
    cell->rest = rest_until(now + 1000);
    cell->rest_when_ms = now;

    std::int64_t late = now + 1000 + repeat_within_ms + 1;
    ASSERT_EQ(table.claim(6, late), cell);
    EXPECT_EQ(cell->rest.load(), 0u);
    EXPECT_EQ(cell->rest_when_ms.load(), 0u);
}

TEST(KeysCells, AResetIsRememberedAsLongAsARest)
{
    auto cells = std::make_unique<Cell[]>(1);
    CellTable table(cells.get(), 1);
    Cell *cell = table.claim(5, now);
    cell->rest = 0;
    cell->rest_when_ms = now;

    EXPECT_EQ(table.claim(6, now + repeat_within_ms), nullptr);
    EXPECT_EQ(table.claim(6, now + repeat_within_ms + 1), cell);
}

TEST(KeysCells, ASearchIsBounded)
{
    auto cells = std::make_unique<Cell[]>(1024);
    CellTable table(cells.get(), 1024);

    for (std::uint64_t i = 1; i <= CellTable::reach; ++i) {
        table.claim(i * 1024, now)->rest = rest_until(now + 1);
    }

    EXPECT_EQ(table.claim(100 * 1024, now), nullptr);
    EXPECT_NE(table.claim(500, now), nullptr);
}

TEST(KeysCells, ThreadsThatClaimTheSameIdGetTheSameCell)
{
    auto cells = std::make_unique<Cell[]>(1024);
    std::vector<std::vector<Cell *>> found(4);
    std::vector<std::thread> running;

    for (auto &mine : found) {
        running.emplace_back([&mine, &cells] {
            CellTable table(cells.get(), 1024);

            for (std::uint64_t i = 1; i <= 300; ++i) {
                mine.push_back(table.claim(CellTable::id_of(i, i), now));
            }
        });
    }

    for (std::thread &one : running) {
        one.join();
    }

    for (const auto &mine : found) {
        EXPECT_EQ(mine, found[0]);
    }
}

TEST(KeysCells, ModelNamesAreKeptOnceEach)
{
    auto names = std::make_unique<ModelName[]>(4);
    ModelTable table(names.get(), 4);
    std::uint64_t pro = table.remember("gemini-2.5-pro");
    EXPECT_NE(pro, 0u);
    EXPECT_EQ(table.remember("gemini-2.5-pro"), pro);
    EXPECT_EQ(table.name_at(pro), "gemini-2.5-pro");
    EXPECT_EQ(table.remember(""), 0u);
    EXPECT_EQ(table.name_at(0), "");
    EXPECT_EQ(table.name_at(99), "");

    for (const char *name : { "a", "b", "c" }) {
        EXPECT_EQ(table.name_at(table.remember(name)), name);
    }

    EXPECT_EQ(table.remember("d"), 0u);
    EXPECT_EQ(table.name_at(table.remember("gemini-2.5-pro")),
        "gemini-2.5-pro");
}

TEST(KeysCells, ANameHalfWrittenIsNotShownAndIsMendedByTheNext)
{
    auto names = std::make_unique<ModelName[]>(4);
    ModelTable table(names.get(), 4);
    std::uint64_t index = table.remember("gemini-2.5-pro");
    names[index - 1].name[6] = '\0';
    EXPECT_EQ(table.name_at(index), "");
    EXPECT_EQ(table.remember("gemini-2.5-pro"), index);
    EXPECT_EQ(table.name_at(index), "gemini-2.5-pro");
}

}
