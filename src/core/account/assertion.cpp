// Signing with OpenSSL's EVP, in this process: a key in a file for somebody
// else's program would be read by others.
#include "core/account/assertion.hpp"

#include "core/base/base64url.hpp"
#include "core/base/output.hpp"
#include "core/json/writer.hpp"

#include <openssl/err.h>

#include <memory>

namespace gw::account {

namespace {

struct FreeDigest {
    void operator()(EVP_MD_CTX *context) const { EVP_MD_CTX_free(context); }
};

std::string header_of(const ServiceAccount &account)
{
    StringOutput out;
    json::Writer json(out);

    json.begin_object();
    json.key("alg").string("RS256");
    json.key("typ").string("JWT");

    if (!account.private_key_id.empty()) {
        json.key("kid").string(account.private_key_id);
    }

    json.end_object();

    return out.take();
}

std::string claims_of(const ServiceAccount &account, std::string_view scope,
    std::int64_t now_s)
{
    StringOutput out;
    json::Writer json(out);

    json.begin_object();
    json.key("iss").string(account.client_email);
    json.key("scope").string(scope);
    json.key("aud").string(account.token_uri);
    json.key("iat").number(now_s);
    json.key("exp").number(now_s + assertion_seconds);
    json.end_object();

    return out.take();
}

/// RSASSA-PKCS1-v1_5 with SHA-256. Empty: OpenSSL has failed.
std::string sign(EVP_PKEY *key, std::string_view text)
{
    std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
    auto *bytes = reinterpret_cast<const unsigned char *>(text.data());
    std::size_t size = 0;
    std::string signature;

    bool ok = context != nullptr
              && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(),
                     nullptr, key) == 1
              && EVP_DigestSign(context.get(), nullptr, &size, bytes,
                     text.size()) == 1;

    if (ok) {
        signature.resize(size);
        ok = EVP_DigestSign(context.get(),
                 reinterpret_cast<unsigned char *>(signature.data()), &size,
                 bytes, text.size()) == 1;
    }

    signature.resize(ok ? size : 0);
    // nginx would log what is left there as somebody else's.
    ERR_clear_error();

    return signature;
}

}

std::string sign_assertion(const ServiceAccount &account,
    std::string_view scope, std::int64_t now_ms)
{
    std::string text = base64url(header_of(account)) + "."
        + base64url(claims_of(account, scope, now_ms / 1000));
    std::string signature = sign(account.private_key.get(), text);

    return signature.empty() ? std::string()
                             : text + "." + base64url(signature);
}

std::string token_request_body(std::string_view assertion)
{
    // base64url and points need no escape.
    return "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
           "&assertion=" + std::string(assertion);
}

}
