// From an address to a connection that is ready: TCP or a unix socket, TLS,
// AUTH, SELECT, and of a master that a sentinel has named, ROLE.
#include "nginx/redis_connection_link.hpp"

#include "nginx/compat.hpp"
#include "nginx/redis_tls.hpp"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <netinet/tcp.h>

#include <algorithm>

namespace gw::ngx {

namespace {

// No reply that we ask for is near to it.
constexpr std::size_t max_elements = 1024 * 1024;

/// hiredis allocates the array as soon as its size has come, and walks through
/// all of it to free it: a size that somebody made up keeps a worker for
/// seconds. Up to 0.14 it takes any; Count is int there, and size_t since.
template <typename Count>
void *bounded_array(const redisReadTask *task, Count count)
{
    auto *usual = static_cast<redisReplyObjectFunctions *>(task->privdata);

    return static_cast<std::size_t>(count) > max_elements ? nullptr
        : usual->createArray(task, count);
}

void bound_arrays(redisReader *reader)
{
    static redisReplyObjectFunctions bounded;

    bounded = *reader->fn;
    bounded.createArray = bounded_array;
    reader->privdata = reader->fn;
    reader->fn = &bounded;
}

/// The error's own word, "WRONGPASS": the rest of an error of AUTH might hold
/// the password.
std::string_view code_of(const redisReply &reply)
{
    std::string_view text = reply_text(reply);
    std::string_view code = text.substr(0, std::min(text.find(' '),
        std::size_t{32}));

    return !code.empty() && std::all_of(code.begin(), code.end(),
        [](char c) { return c >= 'A' && c <= 'Z'; }) ? code : "ERR";
}

}

void RedisConnection::Link::connect(const RedisPeer *to)
{
    if (to != nullptr) {
        u_char text[NGX_SOCKADDR_STRLEN + 1];
        auto *address = reinterpret_cast<sockaddr *>(
            const_cast<sockaddr_storage *>(&to->address));

        // A literal address: hiredis has nothing to resolve, and cannot block.
        std::size_t size = ngx_sock_ntop(address, to->length, text,
            NGX_SOCKADDR_STRLEN, 0);
        text[size] = '\0';

        context = redisConnectNonBlock(reinterpret_cast<char *>(text),
            ngx_inet_get_port(address));

    } else {
        context = redisConnectUnixNonBlock(options.url.unix_path.c_str());
    }

    if (context == nullptr) {
        fail_soon("out of memory");
        return;
    }

    if (context->err != 0) {
        fail_soon(context->errstr);
        return;
    }

    bound_arrays(context->reader);
    c = ngx_get_connection(context->fd, log);

    if (c == nullptr) {
        fail_soon("worker_connections are not enough");
        return;
    }

    c->data = this;
    c->log_error = NGX_ERROR_ERR;
    c->read->handler = on_read;
    c->write->handler = on_write;
    c->read->log = log;
    c->write->log = log;

    want_write();
    arm();
}

void RedisConnection::Link::connected()
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1) {
        error = ngx_socket_errno;
    }

    if (error != 0) {
        u_char text[NGX_MAX_ERROR_STR];
        u_char *end = ngx_strerror(error, text, sizeof(text));

        fail({ reinterpret_cast<char *>(text),
               static_cast<std::size_t>(end - text) });
        return;
    }

    if (options.url.unix_path.empty()) {
        int on = 1;

        // Without it all works, only slower.
        (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }

    want_read();

    if (options.url.tls) {
        secure();

    } else {
        greet();
    }
}

void RedisConnection::Link::secure()
{
    // Also where a redirect leads: to other hosts of the same cluster, named
    // by an address, with a certificate for the name that was configured.
    const std::string &host = options.url.addresses.front().host;
    SSL *fresh = new_ssl(options.tls, host);

    ERR_clear_error();
    state = State::securing;

    if (fresh == nullptr || !start_ssl(context, fresh)) {
        SSL_free(fresh);
        ERR_clear_error();
        fail("TLS could not be started");
        return;
    }

    ssl = fresh;
    handshake();
}

void RedisConnection::Link::handshake()
{
    ERR_clear_error();

    int done = SSL_do_handshake(ssl);

    if (done == 1) {
        no_write();
        greet();
        return;
    }

    switch (SSL_get_error(ssl, done)) {

    case SSL_ERROR_WANT_READ:
        no_write();
        return;

    case SSL_ERROR_WANT_WRITE:
        want_write();
        return;

    default:
        break;
    }

    std::string reason = "TLS handshake failed";
    long verified = SSL_get_verify_result(ssl);

    if (verified != X509_V_OK) {
        reason += ": ";
        reason += X509_verify_cert_error_string(verified);
    }

    // nginx would find the rest of it, and wonder.
    ERR_clear_error();
    fail(reason);
}

void RedisConnection::Link::greet()
{
    const share::RedisUrl &url = options.url;

    state = State::greeting;

    if (!url.password.empty()) {
        std::vector<std::string_view> words = { "AUTH" };

        if (!url.user.empty()) {
            words.push_back(url.user);
        }

        words.push_back(url.password);

        send(words, [this](const redisReply *reply) {
            if (reply != nullptr && is_error(*reply)) {
                fail("AUTH is refused, " + std::string(code_of(*reply)));
            }
        });
    }

    if (url.database != 0) {
        std::string number = std::to_string(url.database);

        send({ "SELECT", number }, [this](const redisReply *reply) {
            if (reply != nullptr && is_error(*reply)) {
                fail("SELECT is refused, " + shown_error(*reply));
            }
        });
    }

    bool sentinel = !url.master.empty();

    // A name is a help for whoever looks at the server, and no more. But an
    // error here may say why the server closes the connection next.
    send({ "CLIENT", "SETNAME", "nginx-gemini" },
        [this, sentinel](const redisReply *reply) {
            if (reply == nullptr) {
                return;
            }

            if (is_error(*reply)) {
                refusal = shown_error(*reply);
            }

            if (!sentinel) {
                state = State::ready;
                auto ready = owner->handlers_.ready;
                ready();
            }
        });

    if (sentinel) {
        send({ "ROLE" }, [this](const redisReply *reply) {
            if (reply != nullptr) {
                check_role(*reply);
            }
        });
    }
}

// A sentinel may not have noticed yet that a master is none any more.
void RedisConnection::Link::check_role(const redisReply &reply)
{
    if (is_error(reply)) {
        fail("ROLE is refused, " + shown_error(reply));

    } else if (reply.type != REDIS_REPLY_ARRAY || reply.elements == 0
               || !is_text(*reply.element[0], "master"))
    {
        fail("it is not the master");

    } else {
        state = State::ready;
        auto ready = owner->handlers_.ready;
        ready();
    }
}

}
