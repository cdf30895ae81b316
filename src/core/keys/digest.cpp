#include "core/keys/digest.hpp"

#include <openssl/evp.h>

#include <new>

namespace gw::keys {

namespace {

int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    return -1;
}

}

struct Digester::Context {
    EVP_MD *algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    EVP_MD_CTX *state = EVP_MD_CTX_new();

    Context() = default;
    Context(const Context &) = delete;
    Context &operator=(const Context &) = delete;

    ~Context()
    {
        EVP_MD_CTX_free(state);
        EVP_MD_free(algorithm);
    }
};

Digester::Digester() : context_(std::make_unique<Context>())
{
}

Digester::~Digester() = default;

Digest Digester::of(std::string_view secret)
{
    Digest digest{};

    if (context_->algorithm == nullptr || context_->state == nullptr
        || EVP_DigestInit_ex(context_->state, context_->algorithm, nullptr)
               != 1
        || EVP_DigestUpdate(context_->state, secret.data(), secret.size())
               != 1
        || EVP_DigestFinal_ex(context_->state, digest.data(), nullptr) != 1)
    {
        throw std::bad_alloc();
    }

    return digest;
}

Digest digest_of(std::string_view secret)
{
    return Digester().of(secret);
}

std::optional<Digest> digest_from_hex(std::string_view hex)
{
    Digest digest{};

    if (hex.size() != 2 * digest.size()) {
        return std::nullopt;
    }

    for (std::size_t i = 0; i < digest.size(); ++i) {
        int high = digit_of(hex[2 * i]);
        int low = digit_of(hex[2 * i + 1]);

        if (high < 0 || low < 0) {
            return std::nullopt;
        }

        digest[i] = static_cast<unsigned char>(high << 4 | low);
    }

    return digest;
}

}
