// Where a pool's state lies in Redis:
//
//   PREFIX{POOL}:rest        hash, share/codec.hpp; 48 h after the last write
//   PREFIX{POOL}:limit       hash; likewise
//   PREFIX{POOL}:keys        hash; stays
//   PREFIX{POOL}:use:DAY     hash OWNER|MODEL|r and …|t, requests and tokens
//                            of a Pacific day; 48 h
//   PREFIX{POOL}:use:MINUTE  the same of a minute (Unix minutes, so that the
//                            two cannot be confused); 180 s
//   PREFIX{POOL}:sig:ID      a thought signature; 24 h
//   PREFIX{POOL}:res:ID      whose a cache, a file … is; as long as it lives
//   PREFIX{POOL}:hosts       hash host -> last seen, Unix ms; 60 s
//   PREFIX{POOL}:bus         channel, share/codec.hpp
//
// The braces are a hash tag: a Cluster keeps all of a pool on one node, so
// that one transaction may write it. All times are those of Redis' clock.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gw::ngx {

struct RedisKeys {
    static constexpr std::string_view rest_ttl = "172800";      // seconds
    static constexpr std::string_view day_ttl = "172800";
    static constexpr std::string_view minute_ttl = "180";
    static constexpr std::string_view signature_ttl = "86400";
    static constexpr std::string_view hosts_ttl = "60";

    RedisKeys(std::string_view prefix, std::string_view pool)
        : base(std::string(prefix) + "{" + std::string(pool) + "}:"),
          rest(base + "rest"),
          limit(base + "limit"),
          keys(base + "keys"),
          hosts(base + "hosts"),
          bus(base + "bus")
    {
    }

    /// Of a day, or a minute.
    std::string use(std::int64_t number) const
    {
        return base + "use:" + std::to_string(number);
    }

    std::string signature(std::string_view id) const
    {
        return base + "sig:" + std::string(id);
    }

    std::string resource(std::string_view id) const
    {
        return base + "res:" + std::string(id);
    }

    /// Of what begins so, for SCAN, which takes the pool's name for a glob.
    static std::string pattern(std::string_view prefix)
    {
        std::string pattern;

        for (char c : prefix) {
            if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\') {
                pattern += '\\';
            }

            pattern += c;
        }

        return pattern + "*";
    }

    std::string base;
    std::string rest;
    std::string limit;
    std::string keys;
    std::string hosts;
    std::string bus;
};

}
