// What one choice of a key costs, in a pool of few keys and in one of many.
//
//   choose_bench [FEW MANY [CHOICES]]      all cases, as a table with ratios
//   choose_bench CASE KEYS CHOICES         one case and nothing else, to count
//                                          its instructions:
//     valgrind --tool=callgrind --toggle-collect='*Pool::choose*' …
#include "core/keys/mix.hpp"
#include "core/keys/pool.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace gw::keys;

constexpr std::int64_t start_ms = 1768507200000;
constexpr int runs = 31;
/// Who is to keep a key comes back.
constexpr std::uint64_t clients = 1000;

struct Case {
    const char *name;
    Balance balance;
    bool quotas;
    bool sticky;
    bool weights;
};

constexpr Case cases[] = {
    { "headroom", Balance::headroom, false, false, false },
    { "round_robin", Balance::round_robin, false, false, false },
    { "random", Balance::random, false, false, false },
    { "least_used", Balance::least_used, false, false, false },
    { "headroom,quotas", Balance::headroom, true, false, false },
    { "round_robin,quotas", Balance::round_robin, true, false, false },
    { "random,quotas", Balance::random, true, false, false },
    { "least_used,quotas", Balance::least_used, true, false, false },
    { "headroom,quotas,weights", Balance::headroom, true, false, true },
    { "headroom,quotas,sticky", Balance::headroom, true, true, false },
    { "round_robin,quotas,sticky", Balance::round_robin, true, true, false },
    { "random,quotas,sticky", Balance::random, true, true, false },
    { "least_used,quotas,sticky", Balance::least_used, true, true, false },
};

struct Free {
    void operator()(void *memory) const { std::free(memory); }
};

class Subject {
public:
    Subject(const Case &one, std::size_t keys)
        : sticky_(one.sticky), memory_(formatted(keys)),
          pool_(credentials(keys, one.weights), options(one))
    {
        if (!pool_.adopt(memory_.get())) {
            std::fprintf(stderr, "choose_bench: no room for the keys\n");
            std::exit(1);
        }

        // Until every key has been used, and its usage has a place.
        choose(4 * keys);
    }

    /// A thousand requests a second.
    void choose(std::size_t choices)
    {
        for (std::size_t i = 0; i < choices; ++i) {
            ++requests_;

            Wanted wanted;
            wanted.model = "gemini-2.5-pro";
            wanted.random = mix(requests_);
            wanted.sticky = sticky_ ? mix(1 + mix(requests_) % clients) : 0;
            wanted.tokens = 500;
            wanted.request[0] = requests_;
            wanted.now_ms = start_ms + static_cast<std::int64_t>(requests_);

            Choice choice = pool_.choose(wanted);

            if (!choice.ok()) {
                std::fprintf(stderr, "choose_bench: no key was chosen\n");
                std::exit(1);
            }
        }
    }

    /// Nanoseconds each, of the processor's time: others use it too.
    double timed(std::size_t choices)
    {
        std::clock_t start = std::clock();
        choose(choices);

        return static_cast<double>(std::clock() - start) * 1e9
            / CLOCKS_PER_SEC / static_cast<double>(choices);
    }

private:
    static std::unique_ptr<void, Free> formatted(std::size_t keys)
    {
        Layout layout = Layout::for_keys(keys);
        std::size_t size = (layout.bytes() + 63) / 64 * 64;
        std::unique_ptr<void, Free> memory(std::aligned_alloc(64, size));

        if (memory == nullptr) {
            std::fprintf(stderr, "choose_bench: out of memory\n");
            std::exit(1);
        }

        std::memset(memory.get(), 0, size);
        Pool::format(memory.get(), layout);

        return memory;
    }

    static std::vector<Credential> credentials(std::size_t keys,
        bool weights)
    {
        std::vector<Credential> list(keys);

        for (std::size_t i = 0; i < keys; ++i) {
            list[i].secret = "secret-of-key-" + std::to_string(i);
            list[i].weight = weights ? 1 + static_cast<unsigned>(i % 3) : 1;
        }

        return list;
    }

    static PoolOptions options(const Case &one)
    {
        PoolOptions options;
        options.balance = one.balance;
        options.sticky = one.sticky;

        if (one.quotas) {
            Limits limits;
            limits.rpm = 1000000;
            limits.rpd = 1000000000;
            limits.tpm = 1000000000;
            options.quotas.add("gemini-*", limits);
        }

        return options;
    }

    bool sticky_;
    std::uint64_t requests_ = 0;
    std::unique_ptr<void, Free> memory_;
    Pool pool_;
};

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());

    return values[values.size() / 2];
}

void compare(const Case &one, std::size_t few, std::size_t many,
    std::size_t choices)
{
    Subject small(one, few);
    Subject large(one, many);
    std::vector<double> small_ns;
    std::vector<double> large_ns;

    // By turns, so that whatever else the machine does hits both.
    for (int i = 0; i < runs; ++i) {
        small_ns.push_back(small.timed(choices));
        large_ns.push_back(large.timed(choices));
    }

    std::printf("%-28s %8.0f ns %8.0f ns %6.2f x\n", one.name,
        median(small_ns), median(large_ns),
        median(large_ns) / median(small_ns));
}

}

int main(int argc, char **argv)
{
    auto number = [argc, argv](int i, std::size_t otherwise) {
        return argc > i
            ? static_cast<std::size_t>(std::strtoul(argv[i], nullptr, 10))
            : otherwise;
    };

    for (const Case &one : cases) {
        if (argc > 1 && std::strcmp(argv[1], one.name) == 0) {
            Subject(one, std::max<std::size_t>(number(2, 10), 1))
                .choose(number(3, 20000));
            return 0;
        }
    }

    std::size_t few = number(1, 10);
    std::size_t many = number(2, 10000);
    std::size_t choices = number(3, 5000);

    if (few == 0 || many == 0 || choices == 0) {
        std::fprintf(stderr, "usage: choose_bench [FEW MANY [CHOICES]]\n"
                             "       choose_bench CASE KEYS CHOICES\n");
        return 2;
    }

    std::printf("%-28s %8zu    %8zu keys\n", "one choice", few, many);

    for (const Case &one : cases) {
        compare(one, few, many, choices);
    }

    return 0;
}
