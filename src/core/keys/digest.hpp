// SHA-256 of secrets: what is kept of clients' tokens, and what keys are known
// by.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

namespace gw::keys {

using Digest = std::array<unsigned char, 32>;

/// SHA-256.
Digest digest_of(std::string_view secret);

/// 64 hex digits.
std::optional<Digest> digest_from_hex(std::string_view hex);

/// Makes many, one after the other: OpenSSL looks its algorithm up and makes
/// a context but once, which takes longer than the digest of a token.
class Digester {
public:
    Digester();
    ~Digester();

    Digester(const Digester &) = delete;
    Digester &operator=(const Digester &) = delete;

    /// Throws std::bad_alloc when OpenSSL fails, which it does for want of
    /// memory only.
    Digest of(std::string_view secret);

private:
    struct Context;

    std::unique_ptr<Context> context_;
};

}
