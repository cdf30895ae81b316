// Tokens of clients, by their digests only.
#include "core/keys/clients.hpp"

#include "core/base/text.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace gw::keys {

namespace {

std::uint64_t word_of(const Digest &digest, std::size_t from)
{
    std::uint64_t word = 0;

    for (std::size_t i = from; i < from + sizeof(word); ++i) {
        word = word << 8 | digest[i];
    }

    return word;
}

bool equal(const Digest &a, const Digest &b)
{
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string name_of(const Digest &digest)
{
    constexpr char digits[] = "0123456789abcdef";
    std::string name = "client-";

    for (std::size_t i = 0; i < 3; ++i) {
        name += digits[digest[i] >> 4];
        name += digits[digest[i] & 15];
    }

    return name;
}

/// Empty: another scheme, or nothing after it.
std::string_view bearer_of(std::string_view authorization)
{
    constexpr std::string_view scheme = "Bearer";

    authorization = trim(authorization);

    if (authorization.size() <= scheme.size()
        || !iequals(authorization.substr(0, scheme.size()), scheme)
        || authorization[scheme.size()] != ' ')
    {
        return {};
    }

    return trim(authorization.substr(scheme.size()));
}

}

bool Client::may_use(std::string_view model) const
{
    return models.empty()
        || std::any_of(models.begin(), models.end(),
               [model](const std::string &glob) {
                   return glob_match(glob, model);
               });
}

std::uint64_t Client::limit_id() const
{
    // Not the bytes by which tokens are looked up: those stay in here.
    std::uint64_t id = word_of(digest, 8);

    return id != 0 ? id : 1;
}

bool ClientSet::add(Client client)
{
    std::uint64_t hash = word_of(client.digest, 0);
    auto [begin, end] = by_hash_.equal_range(hash);

    for (auto i = begin; i != end; ++i) {
        if (equal(clients_[i->second].digest, client.digest)) {
            return false;
        }
    }

    if (client.name.empty()) {
        client.name = name_of(client.digest);
    }

    clients_.push_back(std::move(client));
    by_hash_.emplace(hash, clients_.size() - 1);

    return true;
}

const Client *ClientSet::find_by_limit_id(std::uint64_t id) const
{
    for (const Client &client : clients_) {
        if (client.limit_id() == id) {
            return &client;
        }
    }

    return nullptr;
}

const Client *ClientSet::find(std::string_view token)
{
    if (token.empty()) {
        return nullptr;
    }

    Digest digest = digester_.of(token);
    auto [begin, end] = by_hash_.equal_range(word_of(digest, 0));
    const Client *found = nullptr;

    for (auto i = begin; i != end; ++i) {
        if (equal(clients_[i->second].digest, digest)) {
            found = &clients_[i->second];
        }
    }

    return found;
}

std::string_view token_of(const PresentedToken &presented)
{
    for (std::string_view token : { bearer_of(presented.authorization),
                                    trim(presented.x_api_key),
                                    trim(presented.x_goog_api_key),
                                    presented.query_key })
    {
        if (!token.empty()) {
            return token;
        }
    }

    return {};
}

}
