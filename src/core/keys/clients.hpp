// Who may call: tokens, and what each may do.
#pragma once

#include "core/base/result.hpp"
#include "core/keys/digest.hpp"
#include "core/keys/window.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gw::keys {

struct Client {
    Digest digest{};
    std::string name;               // never empty: "client-" and six hex
                                    // digits of the digest if none was given
    Limits limits;
    std::vector<std::string> models;        // globs; empty: all
    bool admin = false;

    bool may_use(std::string_view model) const;
    /// Its place in the limit table: by digest, so it survives a reload.
    std::uint64_t limit_id() const;
};

/// The tokens of one gemini_clients block. Holds digests only, so a token
/// cannot leak from it, and comparing whole digests in constant time tells
/// nothing about how much of a guess was right.
class ClientSet {
public:
    /// false: the same token is there already.
    bool add(Client client);

    /// nullptr: nobody. The pointer lives as long as the set, if nothing is
    /// added after it.
    const Client *find(std::string_view token);

    /// By Client::limit_id(); nullptr: nobody.
    const Client *find_by_limit_id(std::uint64_t id) const;

    std::size_t size() const { return clients_.size(); }
    const std::vector<Client> &clients() const { return clients_; }

private:
    Digester digester_;
    std::vector<Client> clients_;
    std::unordered_multimap<std::uint64_t, std::size_t> by_hash_;
};

/// The token a request carries. Values are as in the request, not decoded.
struct PresentedToken {
    std::string_view authorization;
    std::string_view x_api_key;
    std::string_view x_goog_api_key;
    std::string_view query_key;     // ?key=, percent-decoded
};

/// The first of the four that is there; empty: none. Only the Bearer scheme of
/// Authorization counts (RFC 6750 2.1, case-insensitive).
std::string_view token_of(const PresentedToken &presented);

}
