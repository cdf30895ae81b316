// Secrets do not stay behind in memory that others get.
#pragma once

#include <openssl/crypto.h>

#include <string>

namespace gw::keys {

inline void wipe(std::string &secret)
{
    OPENSSL_cleanse(secret.data(), secret.size());
    secret.clear();
}

}
