// Where a Redis URL leads: its hosts' addresses, found at configuration, and
// what TLS needs to be sure of them.
#include "nginx/compat.hpp"
#include "nginx/glue.hpp"
#include "nginx/redis_connection.hpp"
#include "nginx/redis_tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <cstring>

namespace gw::ngx {

namespace {

bool is_literal(const std::string &host)
{
    unsigned char bytes[sizeof(in6_addr)];

    return inet_pton(AF_INET, host.c_str(), bytes) == 1
        || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

std::string written(const share::RedisAddress &address)
{
    bool brackets = address.host.find(':') != std::string::npos;

    return (brackets ? '[' + address.host + ']' : address.host) + ':'
           + std::to_string(address.port);
}

bool resolve(ngx_conf_t *cf, const share::RedisAddress &address,
    std::vector<RedisPeer> &peers, std::string &problem)
{
    ngx_url_t u{};
    u.url = copy(cf->pool, written(address));

    if (u.url.data == nullptr) {
        problem = "out of memory";
        return false;
    }

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        problem = std::string(u.err == nullptr ? "invalid host" : u.err)
                  + " \"" + written(address) + "\"";
        return false;
    }

    for (ngx_uint_t i = 0; i < u.naddrs; ++i) {
        RedisPeer peer;

        std::memcpy(&peer.address, u.addrs[i].sockaddr, u.addrs[i].socklen);
        peer.length = u.addrs[i].socklen;
        peer.name = view(u.addrs[i].name);
        peers.push_back(std::move(peer));
    }

    return true;
}

void free_tls(void *data)
{
    SSL_CTX_free(static_cast<SSL_CTX *>(data));
}

bool prepare_tls(ngx_conf_t *cf, RedisOptions &options, std::string &problem)
{
    if (!have_redis_tls) {
        problem = "rediss:// needs hiredis 1.0 with hiredis_ssl; this build "
                  "has hiredis " + std::to_string(HIREDIS_MAJOR) + "."
                  + std::to_string(HIREDIS_MINOR);
        return false;
    }

    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(cf->pool, 0);
    SSL_CTX *tls = cln == nullptr ? nullptr : SSL_CTX_new(TLS_client_method());

    if (tls == nullptr) {
        ERR_clear_error();
        problem = "out of memory";
        return false;
    }

    cln->handler = free_tls;
    cln->data = tls;
    options.tls = tls;

    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, nullptr);
    // A handshake is expected only at the start.
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION);

    if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1
        || SSL_CTX_set_default_verify_paths(tls) != 1)
    {
        ERR_clear_error();
        problem = "the system's trusted certificates cannot be used";
        return false;
    }

    return true;
}

}

bool prepare_redis(ngx_conf_t *cf, RedisOptions &options,
    std::string &problem)
{
    if (options.url.tls && !prepare_tls(cf, options, problem)) {
        return false;
    }

    for (const share::RedisAddress &address : options.url.addresses) {
        if (!resolve(cf, address, options.peers, problem)) {
            return false;
        }
    }

    return true;
}

bool peer_of(const share::RedisAddress &address, RedisPeer &peer)
{
    sockaddr_in in{};
    sockaddr_in6 in6{};

    peer = RedisPeer();

    if (inet_pton(AF_INET, address.host.c_str(), &in.sin_addr) == 1) {
        in.sin_family = AF_INET;
        in.sin_port = htons(address.port);
        std::memcpy(&peer.address, &in, sizeof(in));
        peer.length = sizeof(in);

    } else if (inet_pton(AF_INET6, address.host.c_str(), &in6.sin6_addr) == 1)
    {
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(address.port);
        std::memcpy(&peer.address, &in6, sizeof(in6));
        peer.length = sizeof(in6);

    } else {
        return false;
    }

    peer.name = written(address);
    return true;
}

SSL *new_ssl(SSL_CTX *tls, const std::string &host)
{
    SSL *ssl = SSL_new(tls);

    if (ssl == nullptr) {
        return nullptr;
    }

    // A server name is never an address, says RFC 6066.
    bool named = is_literal(host)
        ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str())
        : SSL_set1_host(ssl, host.c_str())
          && SSL_set_tlsext_host_name(ssl,
              const_cast<char *>(host.c_str()));

    if (!named) {
        SSL_free(ssl);
        return nullptr;
    }

    return ssl;
}

}
