// A service account's key file, with a key made for this run.
#pragma once

#include "core/account/key_file.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace {

[[maybe_unused]] EVP_PKEY *make_key(int type, int bits)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(type, nullptr);
    EVP_PKEY *key = nullptr;

    EXPECT_EQ(EVP_PKEY_keygen_init(context), 1);

    if (type == EVP_PKEY_RSA) {
        EXPECT_EQ(EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits), 1);
    }

    EXPECT_EQ(EVP_PKEY_keygen(context, &key), 1);
    EVP_PKEY_CTX_free(context);

    return key;
}

/// PKCS#8, as it stands in JSON.
[[maybe_unused]] std::string pem_of(EVP_PKEY *key,
    const char *password = nullptr)
{
    BIO *bio = BIO_new(BIO_s_mem());
    EXPECT_EQ(PEM_write_bio_PKCS8PrivateKey(bio, key,
        password != nullptr ? EVP_aes_256_cbc() : nullptr, nullptr, 0, nullptr,
        const_cast<char *>(password)), 1);

    char *bytes = nullptr;
    long size = BIO_get_mem_data(bio, &bytes);
    std::string text;

    for (char c : std::string_view(bytes, static_cast<std::size_t>(size))) {
        c == '\n' ? text += "\\n" : text += c;
    }

    BIO_free(bio);

    return text;
}

/// The same for all tests: making one takes its time.
[[maybe_unused]] const std::string &usual_pem()
{
    static const std::string pem = [] {
        gw::account::PrivateKey key(make_key(EVP_PKEY_RSA, 2048));
        return pem_of(key.get());
    }();

    return pem;
}

[[maybe_unused]] std::string key_file(const std::string &pem,
    const std::string &token_uri = "https://oauth2.example.com/token")
{
    return R"({"type":"service_account","project_id":"my-project",
        "private_key_id":"0123abcd","private_key":")" + pem + R"(",
        "client_email":"gateway@my-project.iam.gserviceaccount.com",
        "client_id":"1","auth_uri":"https://accounts.example.com/auth",
        "token_uri":")" + token_uri + R"("})";
}

}
