// What is a URL of Redis can be shown, and what is shown is the same place
// without a secret. Errors never say anything of the input.
#include "core/share/redis_url.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace gw;
using namespace gw::share;

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

bool printable(std::string_view text)
{
    for (char c : text) {
        if (c <= ' ' || c > '~') {
            return false;
        }
    }

    return true;
}

void check_url(std::string_view text)
{
    auto url = parse_redis_url(text);

    if (!url) {
        require(!url.error().message.empty());
        return;
    }

    require(url->unix_path.empty() != url->addresses.empty());
    require(url->master.empty() ? url->addresses.size() <= 1
                                : !url->addresses.empty());
    require(url->user.empty() || !url->password.empty());

    for (const RedisAddress &address : url->addresses) {
        require(!address.host.empty() && address.port != 0);
    }

    std::string out = shown(url.value());
    require(printable(out));

    auto again = parse_redis_url(out);
    require(static_cast<bool>(again));
    require(shown(again.value()) == out);
    require(again->password.empty() && again->user.empty());
    require(again->tls == url->tls && again->database == url->database);
    require(again->unix_path == url->unix_path);
    require(again->master == url->master);
    require(again->addresses.size() == url->addresses.size());
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(bytes), size);

    check_url(text);

    RedisAddress address;
    require(!parse_moved(text, address) || address.port != 0);

    return 0;
}
