// Where the shared Redis is, as the operator writes it.
#pragma once

#include "core/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gw::share {

struct RedisAddress {
    std::string host;               // a name or a literal address, no brackets
    std::uint16_t port = 6379;      // 26379 by default for sentinels
};

struct RedisUrl {
    bool tls = false;
    std::string unix_path;          // unix:PATH[?db=N]
    std::vector<RedisAddress> addresses;    // one; of a sentinel URL, all
    std::string master;             // not empty: the addresses are sentinels'
    std::string user;               // ACL; empty: default
    std::string password;           // percent-decoded; empty: none
    unsigned database = 0;
};

/// redis://[user:pass@]host[:port][/db], redis://:pass@…, rediss://…,
/// unix:PATH (with ?db=N, ?password=…), redis+sentinel://[user:pass@]h1[:p],
/// h2[:p]/MASTER[/db]. Errors name what is wrong, never the password.
Result<RedisUrl> parse_redis_url(std::string_view url);

/// The URL without user and password, for logs and status.
std::string shown(const RedisUrl &url);

/// "MOVED 3999 127.0.0.1:6381", "MOVED 3999 [::1]:6381", "MOVED 3999 :6381"
/// (same host). false: it is no redirect.
bool parse_moved(std::string_view error, RedisAddress &address);

}
