#include "core/keys/signature_cache.hpp"

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using gw::keys::SignatureCache;

constexpr std::size_t room = 1024 * 1024;

struct Memory {
    explicit Memory(std::size_t bytes = room) : size(bytes)
    {
        start = mmap(nullptr, size, PROT_READ|PROT_WRITE,
            MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    }

    ~Memory() { munmap(start, size); }

    SignatureCache cache() { return SignatureCache(start, size); }

    void *start;
    std::size_t size;
};

std::string pattern(std::uint64_t id, std::size_t size)
{
    std::string text;

    while (text.size() < size) {
        text += std::to_string(id) + ",";
    }

    text.resize(size);
    return text;
}

TEST(SignatureCache, GivesBackWhatItKeeps)
{
    Memory memory;
    auto cache = memory.cache();
    std::string found;

    for (std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{8},
             std::size_t{960}, std::size_t{961}, std::size_t{4032},
             std::size_t{4033}, SignatureCache::max_signature})
    {
        cache.keep(size, pattern(size, size), 5000);
        ASSERT_TRUE(cache.find(size, found)) << size;
        EXPECT_EQ(found, pattern(size, size));
    }

    EXPECT_FALSE(cache.find(999999, found));
}

TEST(SignatureCache, DoesNotKeepWhatIsTooLong)
{
    Memory memory;
    auto cache = memory.cache();
    std::string found;

    cache.keep(1, pattern(1, SignatureCache::max_signature + 1), 5000);
    EXPECT_FALSE(cache.find(1, found));
}

TEST(SignatureCache, KeepsTheLastOfAnIdWhateverItsSize)
{
    Memory memory;
    auto cache = memory.cache();
    std::string found;

    for (std::size_t size : {std::size_t{100}, std::size_t{3000},
             std::size_t{20000}, std::size_t{50}, std::size_t{5000}})
    {
        cache.keep(7, pattern(size, size), 5000);
        ASSERT_TRUE(cache.find(7, found));
        EXPECT_EQ(found, pattern(size, size));
    }
}

TEST(SignatureCache, LetsTheOldestGiveWay)
{
    Memory memory;
    auto cache = memory.cache();
    std::uint64_t places = room / 4 / 1024;
    std::string found;

    // All of these begin their search at the same place.
    for (std::uint64_t i = 1; i <= 6; ++i) {
        cache.keep(i * places, "signature", 5000 + static_cast<int>(i));
    }

    EXPECT_FALSE(cache.find(1 * places, found));
    EXPECT_FALSE(cache.find(2 * places, found));

    for (std::uint64_t i = 3; i <= 6; ++i) {
        EXPECT_TRUE(cache.find(i * places, found)) << i;
    }
}

TEST(SignatureCache, WorksInAnyRoom)
{
    for (std::size_t size : {std::size_t{64}, std::size_t{8192},
             std::size_t{20000}, std::size_t{200000}})
    {
        Memory memory(size);
        auto cache = memory.cache();
        std::string found;

        for (std::uint64_t id = 1; id < 200; ++id) {
            cache.keep(id, pattern(id, 10 * id), 5000);

            if (cache.find(id, found)) {
                EXPECT_EQ(found, pattern(id, 10 * id));
            }
        }
    }
}

TEST(SignatureCache, MovesIntoAnotherRoom)
{
    Memory small(200000);
    Memory large;
    auto former = small.cache();
    auto cache = large.cache();
    std::string found;

    former.keep(1, pattern(1, 10), 5000);
    former.keep(2, pattern(2, 2000), 5000);
    cache.copy_from(former);

    ASSERT_TRUE(cache.find(1, found));
    EXPECT_EQ(found, pattern(1, 10));
    ASSERT_TRUE(cache.find(2, found));
    EXPECT_EQ(found, pattern(2, 2000));
}

TEST(SignatureCache, NeverGivesAMixedSignature)
{
    Memory memory(16384);
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;

    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t]() {
            auto cache = memory.cache();
            std::string found;

            for (int i = 0; !stop && i < 20000; ++i) {
                auto id = static_cast<std::uint64_t>(1 + (i * 7 + t) % 12);

                if (t < 2) {
                    cache.keep(id, pattern(id, 100 + id * 50), 5000 + i);

                } else if (cache.find(id, found)
                           && found != pattern(id, 100 + id * 50))
                {
                    ++wrong;
                }
            }
        });
    }

    for (std::thread &thread : threads) {
        thread.join();
    }

    EXPECT_EQ(wrong, 0);
}

TEST(SignatureCache, OutlivesAWriterThatIsKilled)
{
    Memory memory(16384);

    for (int round = 0; round < 20; ++round) {
        pid_t child = fork();
        // kill(-1) would be for everybody.
        ASSERT_GE(child, 0);

        if (child == 0) {
            auto cache = memory.cache();

            for (std::uint64_t i = 0; ; ++i) {
                cache.keep(1 + i % 8, pattern(1 + i % 8, 800), 5000 + round);
            }
        }

        usleep(500);
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
    }

    auto cache = memory.cache();
    std::string found;

    for (std::uint64_t id = 1; id <= 8; ++id) {
        if (cache.find(id, found)) {
            EXPECT_EQ(found, pattern(id, 800));
        }
    }

    // What a killed writer held is free again a second later.
    for (std::uint64_t id = 1; id <= 4; ++id) {
        cache.keep(id, "after", 9000);
        EXPECT_TRUE(cache.find(id, found)) << id;
    }
}

// A place as it is laid out: id, version, then its signature at 64 bytes.
gw::keys::Word *words_of(Memory &memory, std::size_t place)
{
    return reinterpret_cast<gw::keys::Word *>(
        static_cast<char *>(memory.start) + place * 1024);
}

constexpr std::uint64_t taken_at(std::uint64_t ms)
{
    return ms << 20 | 1;
}

TEST(SignatureCache, PassesByAPlaceThatIsBeingWritten)
{
    Memory memory;
    auto cache = memory.cache();
    std::string found;

    words_of(memory, 10)[1] = taken_at(5000);
    cache.keep(10, "signature", 5100);
    EXPECT_TRUE(cache.find(10, found));
    EXPECT_EQ(words_of(memory, 10)[1], taken_at(5000));
}

TEST(SignatureCache, TakesOverWhatAWriterLeftASecondAgoOrInTheFuture)
{
    for (std::uint64_t ms : {std::uint64_t{5000}, std::uint64_t{9000}}) {
        Memory memory;
        auto cache = memory.cache();
        std::string found;

        words_of(memory, 10)[1] = taken_at(ms);
        cache.keep(10, "signature", 7000);
        EXPECT_TRUE(cache.find(10, found));
        EXPECT_EQ(words_of(memory, 10)[0], 10u);
    }
}

TEST(SignatureCache, DoesNotBelieveWhatASlowWriterWroteAfterItsTime)
{
    Memory memory;
    auto cache = memory.cache();
    std::string found;

    cache.keep(10, pattern(10, 100), 5000);
    ASSERT_TRUE(cache.find(10, found));
    words_of(memory, 10)[8 + 5] = UINT64_C(0x6161616161616161);
    EXPECT_FALSE(cache.find(10, found));
    cache.keep(10, pattern(10, 100), 5001);
    EXPECT_TRUE(cache.find(10, found));
}

}
