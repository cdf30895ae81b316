// A service account's key file, as the Google Cloud console gives it out.
// Source: reference/service-account.md section 1.
#pragma once

#include "core/base/result.hpp"

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace gw::account {

/// Google's are 2.4 KB.
constexpr std::size_t max_key_file = 64 * 1024;

constexpr std::size_t max_email = 254;
constexpr std::size_t max_cloud_project = 100;
constexpr std::size_t max_token_uri = 1024;
constexpr int least_key_bits = 2048;

struct FreePrivateKey {
    void operator()(EVP_PKEY *key) const { EVP_PKEY_free(key); }
};

/// OpenSSL wipes it at the end.
using PrivateKey = std::unique_ptr<EVP_PKEY, FreePrivateKey>;

struct ServiceAccount {
    std::string client_email;
    std::string private_key_id;         // empty: the file has none
    std::string project_id;             // likewise
    std::string token_uri;
    PrivateKey private_key;             // RSA
};

/// Error: what is wrong with the file, by the name of the field, which is the
/// param too; nothing of the key is in it. The caller wipes the text.
Result<ServiceAccount> read_key_file(std::string_view text);

/// Whether it may stand in a URL's path, and in a header.
bool is_cloud_project(std::string_view text);

}
