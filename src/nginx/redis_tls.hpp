// TLS towards Redis.
#pragma once

#include <openssl/ssl.h>

#include <string>

namespace gw::ngx {

/// A client's, that accepts only a certificate for the host, a name or an
/// address. nullptr: no memory.
SSL *new_ssl(SSL_CTX *tls, const std::string &host);

}
