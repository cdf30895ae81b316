// Sealing with OpenSSL's EVP, in the calls that 1.1.1 and 3.x have in common.
#include "core/share/seal.hpp"

#include "core/base/base64url.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <climits>
#include <cstddef>
#include <memory>
#include <utility>

namespace gw::share {

namespace {

constexpr std::size_t tag_size = 16;

// A secret of the operator's may serve for other things too: the label keeps
// their keys apart.
constexpr std::string_view label = "nginx-gemini: keys of the pool, 1";

// What is sealed is a secret of at most 512 bytes.
constexpr std::size_t max_plain = 64 * 1024;

struct FreeCipher {
    void operator()(EVP_CIPHER_CTX *context) const
    {
        EVP_CIPHER_CTX_free(context);
    }
};

struct FreeKey {
    void operator()(EVP_PKEY_CTX *context) const
    {
        EVP_PKEY_CTX_free(context);
    }
};

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const unsigned char *bytes_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char *>(text.data());
}

int size_of(std::string_view text)
{
    return static_cast<int>(text.size());
}

/// RFC 5869, without a salt.
bool derive(std::string_view secret, unsigned char *key, std::size_t size)
{
    std::unique_ptr<EVP_PKEY_CTX, FreeKey> context(
        EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));

    return context != nullptr && secret.size() <= INT_MAX
           && EVP_PKEY_derive_init(context.get()) == 1
           && EVP_PKEY_CTX_set_hkdf_md(context.get(), EVP_sha256()) == 1
           && EVP_PKEY_CTX_set1_hkdf_key(context.get(), bytes_of(secret),
                  size_of(secret)) == 1
           && EVP_PKEY_CTX_add1_hkdf_info(context.get(), bytes_of(label),
                  size_of(label)) == 1
           && EVP_PKEY_derive(context.get(), key, &size) == 1;
}

}

Seal::Seal(std::string_view secret) : key_{}
{
    ready_ = derive(secret, key_.data(), key_.size());
}

Seal::~Seal()
{
    OPENSSL_cleanse(key_.data(), key_.size());
}

std::string Seal::close(std::string_view plain, std::string_view context,
    std::string_view nonce) const
{
    Cipher cipher(EVP_CIPHER_CTX_new());
    std::string sealed(nonce);
    int written = 0;

    if (!ready_ || cipher == nullptr || nonce.size() != nonce_size
        || plain.size() > max_plain || context.size() > max_plain)
    {
        return {};
    }

    sealed.resize(nonce_size + plain.size() + tag_size);
    auto *out = reinterpret_cast<unsigned char *>(sealed.data()) + nonce_size;

    // GCM is a stream cipher: as many bytes come out as went in, all of them
    // by the second update.
    if (EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
            key_.data(), bytes_of(nonce)) != 1
        || EVP_EncryptUpdate(cipher.get(), nullptr, &written,
               bytes_of(context), size_of(context)) != 1
        || EVP_EncryptUpdate(cipher.get(), out, &written, bytes_of(plain),
               size_of(plain)) != 1
        || EVP_EncryptFinal_ex(cipher.get(), out + plain.size(), &written)
               != 1
        || EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG,
               static_cast<int>(tag_size), out + plain.size()) != 1)
    {
        return {};
    }

    return base64url(sealed);
}

std::optional<std::string> Seal::open(std::string_view sealed,
    std::string_view context) const
{
    Cipher cipher(EVP_CIPHER_CTX_new());
    std::optional<std::string> all;

    if (sealed.size() <= 2 * max_plain && context.size() <= max_plain) {
        all = from_base64url(sealed);
    }

    if (!ready_ || cipher == nullptr || !all
        || all->size() < nonce_size + tag_size
        || all->size() > nonce_size + max_plain + tag_size)
    {
        return std::nullopt;
    }

    std::string_view nonce = std::string_view(*all).substr(0, nonce_size);
    std::string_view body = std::string_view(*all).substr(nonce_size,
        all->size() - nonce_size - tag_size);
    char *tag = all->data() + nonce_size + body.size();

    std::string plain(body.size(), '\0');
    auto *out = reinterpret_cast<unsigned char *>(plain.data());
    int written = 0;

    // Nothing of the text is given out before its tag has been found right.
    if (EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
            key_.data(), bytes_of(nonce)) != 1
        || EVP_DecryptUpdate(cipher.get(), nullptr, &written,
               bytes_of(context), size_of(context)) != 1
        || EVP_DecryptUpdate(cipher.get(), out, &written, bytes_of(body),
               size_of(body)) != 1
        || EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG,
               static_cast<int>(tag_size), tag) != 1
        || EVP_DecryptFinal_ex(cipher.get(), out + plain.size(), &written)
               != 1)
    {
        OPENSSL_cleanse(plain.data(), plain.size());
        return std::nullopt;
    }

    return plain;
}

}
