// Choices among some of a pool's credentials: those that speak an API, those
// of a project.
#include "keys_choose.hpp"

#include "core/keys/pool.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace {

using namespace gw::keys;
using gw::gemini::Api;

Choice choose(Bench &bench, gw::gemini::Apis apis, const std::string &project,
    std::string_view model = "m")
{
    Wanted wanted = bench.wanted(model);
    wanted.apis = apis;

    for (const Credential &credential : bench.pool.credentials()) {
        if (!project.empty() && credential.project == project) {
            wanted.project = credential.project_id;
        }
    }

    if (!project.empty() && wanted.project == 0) {
        wanted.project = 1;
    }

    return bench.pool.choose(wanted);
}

std::vector<Credential> mixed(std::size_t keys)
{
    std::vector<Credential> list = credentials(keys);

    for (std::size_t i = 0; i < list.size(); ++i) {
        list[i].api = i % 3 == 0 ? Api::vertex : Api::gemini;
        list[i].project = "project-" + std::to_string(i % 5);
    }

    return list;
}

TEST(KeysChooseAmong, OnlyCredentialsOfAWantedApiAreChosen)
{
    for (Balance balance : balances) {
        for (std::size_t keys : { 6u, 60u }) {
            Bench bench(mixed(keys), by(balance));
            std::set<std::size_t> seen;

            for (std::size_t i = 0; i < keys * 20; ++i) {
                Choice choice = choose(bench, only(Api::vertex), "");

                ASSERT_TRUE(choice.ok());
                EXPECT_EQ(choice.credential % 3, 0u);
                seen.insert(choice.credential);
            }

            EXPECT_EQ(seen.size(), keys / 3);
        }
    }
}

TEST(KeysChooseAmong, APoolWithoutTheApiHasNoMatch)
{
    Bench bench(credentials(3), by(Balance::headroom));

    Choice choice = choose(bench, only(Api::vertex), "");

    EXPECT_FALSE(choice.ok());
    EXPECT_EQ(choice.shortage, Shortage::no_match);
}

TEST(KeysChooseAmong, OnlyCredentialsOfAWantedProjectAreChosen)
{
    for (Balance balance : balances) {
        Bench bench(mixed(60), by(balance));
        std::set<std::size_t> seen;

        for (int i = 0; i < 400; ++i) {
            Choice choice = choose(bench, gw::gemini::every_api,
                "project-2");

            ASSERT_TRUE(choice.ok());
            EXPECT_EQ(choice.credential % 5, 2u);
            seen.insert(choice.credential);
        }

        EXPECT_EQ(seen.size(), 12u);
    }
}

TEST(KeysChooseAmong, OfAProjectTheModelAndTheApiCountToo)
{
    std::vector<Credential> list = mixed(60);

    for (std::size_t i = 0; i < list.size(); ++i) {
        list[i].models = { i % 2 == 0 ? "even" : "odd" };
    }

    Bench bench(std::move(list), by(Balance::headroom));

    for (int i = 0; i < 20; ++i) {
        Choice choice = choose(bench, only(Api::gemini), "project-2", "odd");

        ASSERT_TRUE(choice.ok());
        EXPECT_EQ(choice.credential % 5, 2u);
        EXPECT_NE(choice.credential % 3, 0u);
        EXPECT_EQ(choice.credential % 2, 1u);
    }
}

TEST(KeysChooseAmong, AProjectThatIsGoneHasNoMatch)
{
    Bench bench(mixed(20), by(Balance::headroom));

    Choice choice = choose(bench, gw::gemini::every_api, "another");

    EXPECT_FALSE(choice.ok());
    EXPECT_EQ(choice.shortage, Shortage::no_match);
}

TEST(KeysChooseAmong, WhatRestsInOneProjectSaysNothingOfTheOthers)
{
    Bench bench(mixed(60), by(Balance::headroom));

    for (std::size_t i = 2; i < 60; i += 5) {
        bench.rest(i, FailureClass::invalid);
    }

    EXPECT_EQ(choose(bench, gw::gemini::every_api, "project-2").shortage,
        Shortage::all_invalid);
    EXPECT_TRUE(choose(bench, gw::gemini::every_api, "").ok());
}

}
