// A state file with anything in it, behind a digest that is right. What a pool
// has taken from it, it writes, and another pool takes all of that.
#include "core/keys/clients.hpp"
#include "core/keys/pool.hpp"
#include "core/share/state_text.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace gw;
using namespace gw::share;

constexpr std::int64_t now = 1780000000000;

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

class Host {
public:
    Host() : pool(credentials(), {})
    {
        // Small: a run is mostly clearing this.
        constexpr keys::Layout layout{16, 64, 16, 16, 64, 16, 64, 16, 16, 16,
            2};
        std::size_t size = (layout.bytes() + 63) / 64 * 64;

        memory_ = std::aligned_alloc(64, size);

        if (memory_ == nullptr) {
            throw std::bad_alloc();
        }

        std::memset(memory_, 0, size);
        keys::Pool::format(memory_, layout);
        require(pool.adopt(memory_));
    }

    ~Host() { std::free(memory_); }

    Host(const Host &) = delete;
    Host &operator=(const Host &) = delete;

    keys::Pool pool;

private:
    static std::vector<keys::Credential> credentials()
    {
        std::vector<keys::Credential> list(2);
        list[0].secret = "secret-of-key-0";
        list[1].secret = "secret-of-key-1";
        return list;
    }

    void *memory_ = nullptr;
};

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

void zeros(char *bytes, std::size_t size)
{
    std::memset(bytes, 0, size);
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(bytes), size);
    Seal seal("of the operator's, long enough");

    Host first;
    StateResult raw = read_state(text, "main", &seal, first.pool, now);
    require(raw.read != StateRead::broken || raw.taken == 0);

    std::string body(text);

    if (!body.empty() && body.back() != '\n') {
        body += '\n';
    }

    StateResult result = read_state(ended("gemini-state 1 main\n" + body),
        "main", &seal, first.pool, now);
    require(result.read == StateRead::ok);

    std::string written = write_state(first.pool, "main", &seal, zeros, now);
    Host second;
    StateResult again = read_state(written, "main", &seal, second.pool, now);
    require(again.read == StateRead::ok);
    require(again.skipped == 0 && again.keys_unopened == 0);

    // A file read twice changes nothing.
    std::string once = write_state(second.pool, "main", &seal, zeros, now);
    read_state(written, "main", &seal, second.pool, now);
    require(write_state(second.pool, "main", &seal, zeros, now) == once);

    return 0;
}
