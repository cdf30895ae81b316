// One worker's pool over memory of its own, for tests of how it chooses.
#pragma once

#include "keys_memory.hpp"

#include "core/keys/pool.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr std::int64_t now = 1768507200000;

struct Bench {
    Bench(std::vector<gw::keys::Credential> list,
        gw::keys::PoolOptions options)
        : memory(formatted_memory(
              gw::keys::Layout::for_keys(list.size()))),
          pool(std::move(list), std::move(options))
    {
        EXPECT_TRUE(pool.adopt(memory.get()));
    }

    gw::keys::Wanted wanted(std::string_view model = "m")
    {
        gw::keys::Wanted wanted;
        wanted.model = model;
        wanted.random = random();
        wanted.tokens = tokens;
        wanted.now_ms = now + passed_ms;

        return wanted;
    }

    gw::keys::Choice choose(std::string_view model = "m",
        std::vector<std::size_t> tried = {}, std::uint64_t sticky = 0)
    {
        gw::keys::Wanted what = wanted(model);
        what.tried = tried.data();
        what.tried_count = tried.size();
        what.sticky = sticky;

        return pool.choose(what);
    }

    /// The one whose rest ends soonest, should none be usable.
    gw::keys::Choice soonest(std::vector<std::size_t> tried = {})
    {
        gw::keys::Wanted what = wanted();
        what.tried = tried.data();
        what.tried_count = tried.size();
        what.soonest = true;

        return pool.choose(what);
    }

    /// Chooses and sends.
    std::size_t use(std::string_view model = "m")
    {
        gw::keys::Choice choice = choose(model);
        EXPECT_TRUE(choice.ok());

        if (choice.ok()) {
            pool.begin_try(choice.credential, now + passed_ms);
            pool.end_try(choice.credential);
        }

        return choice.credential;
    }

    void rest(std::size_t key, gw::keys::FailureClass failure,
        std::string_view model = "m",
        std::optional<std::int64_t> retry = std::nullopt)
    {
        pool.failed(key, model, verdict_of(failure, retry),
            now + passed_ms);
    }

    Memory memory;
    gw::keys::Pool pool;
    std::mt19937_64 random{1};
    std::int64_t passed_ms = 0;
    std::int64_t tokens = 0;
};

[[maybe_unused]] gw::keys::PoolOptions by(gw::keys::Balance balance,
    const gw::keys::Limits &limits = {})
{
    gw::keys::PoolOptions options;
    options.balance = balance;

    if (limits.any()) {
        options.quotas.add("*", limits);
    }

    return options;
}

[[maybe_unused]] constexpr gw::keys::Balance balances[] = {
    gw::keys::Balance::headroom, gw::keys::Balance::round_robin,
    gw::keys::Balance::random, gw::keys::Balance::least_used
};

[[maybe_unused]] std::vector<gw::keys::Credential> weighted(
    std::vector<unsigned> weights)
{
    std::vector<gw::keys::Credential> list = credentials(weights.size());

    for (std::size_t i = 0; i < list.size(); ++i) {
        list[i].weight = weights[i];
    }

    return list;
}

}
