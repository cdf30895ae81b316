// What a key file must hold to be of use. OpenSSL's calls are those that 1.1.1
// and 3.x have in common.
#include "core/account/key_file.hpp"

#include "core/account/secret_memory.hpp"
#include "core/base/text.hpp"
#include "core/json/reader.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <utility>

namespace gw::account {

namespace {

// Of a value that a message shows.
constexpr std::size_t max_shown = 60;
constexpr std::size_t max_key_id = 100;

struct Fields {
    json::String type;
    json::String client_email;
    json::String private_key;
    json::String private_key_id;
    json::String project_id;
    json::String token_uri;
};

constexpr json::Field key_file_fields[] = {
    json::string<&Fields::type>("type"),
    json::string<&Fields::client_email>("client_email"),
    json::string<&Fields::private_key>("private_key"),
    json::string<&Fields::private_key_id>("private_key_id"),
    json::string<&Fields::project_id>("project_id"),
    json::string<&Fields::token_uri>("token_uri"),
};
constexpr json::Shape key_file_shape{key_file_fields};

Error problem(std::string_view field, std::string_view what)
{
    Error error;
    error.kind = ErrorKind::bad_request;
    error.param = field;
    error.message = "\"" + std::string(field) + "\" " + std::string(what);

    return error;
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_letter(char c)
{
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'z';
}

/// Printable ASCII, no blanks.
bool is_plain(std::string_view text)
{
    return std::all_of(text.begin(), text.end(),
        [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_email(std::string_view text)
{
    std::size_t at = text.find('@');

    return text.size() <= max_email && at != std::string_view::npos && at != 0
           && at + 1 < text.size() && is_plain(text)
           && text.find_first_of("\"\\<>") == std::string_view::npos;
}

/// "localhost", 127.0.0.0/8 or [::1], with or without a port.
bool is_loopback(std::string_view authority)
{
    std::string_view host = authority;

    if (starts_with(host, "[")) {
        return starts_with(host, "[::1]")
               && (host.size() == 5 || host[5] == ':');
    }

    host = host.substr(0, host.find(':'));

    // A name such as 127.example.com would begin so as well.
    return iequals(host, "localhost")
           || (starts_with(host, "127.")
               && host.find_first_not_of("0123456789.")
                  == std::string_view::npos);
}

/// Empty: it may be asked for tokens. Only there does the assertion go, and
/// that is as good as a token for an hour.
std::string_view token_uri_problem(std::string_view uri)
{
    constexpr std::string_view tls = "https://";
    constexpr std::string_view plain = "http://";

    if (uri.size() > max_token_uri || !is_plain(uri)) {
        return "is no URL";
    }

    if (starts_with(uri, tls)) {
        return uri.size() > tls.size() ? "" : "is no URL";
    }

    if (!starts_with(uri, plain)) {
        return "must begin with https://";
    }

    uri.remove_prefix(plain.size());

    return is_loopback(uri.substr(0, uri.find('/')))
        ? "" : "may be http:// on loopback only";
}

struct FreeBio {
    void operator()(BIO *bio) const { BIO_free(bio); }
};

/// OpenSSL would ask on the terminal.
int no_password(char *, int, int, void *)
{
    return 0;
}

PrivateKey parse_pem(std::string_view pem)
{
    std::unique_ptr<BIO, FreeBio> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    PrivateKey key(bio == nullptr ? nullptr
        : PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));

    // nginx would log what is left there as somebody else's.
    ERR_clear_error();

    return key;
}

/// Empty: RS256 can be signed with it.
std::string_view key_problem(const PrivateKey &key)
{
    if (key == nullptr) {
        return "is no unencrypted private key in PEM";
    }

    if (EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA) {
        return "is no RSA key";
    }

    return EVP_PKEY_bits(key.get()) >= least_key_bits
        ? "" : "is an RSA key of less than 2048 bits";
}

}

bool is_cloud_project(std::string_view text)
{
    // Those of a domain have the form example.com:name.
    return !text.empty() && text.size() <= max_cloud_project
           && (is_letter(text[0]) || is_digit(text[0]))
           && std::all_of(text.begin(), text.end(), [](char c) {
                  return is_letter(c) || is_digit(c) || c == '-' || c == '.'
                         || c == ':';
              });
}

Result<ServiceAccount> read_key_file(std::string_view text)
{
    SecretMemory memory;
    Arena arena(&memory);
    Fields fields;

    if (text.size() > max_key_file) {
        Error error;
        error.kind = ErrorKind::bad_request;
        error.message = "it is too large for a key file";

        return error;
    }

    if (auto read = json::read(text, key_file_shape, fields, arena); !read) {
        Error error = read.error();

        // The reader's own words may show what stands there.
        if (error.param.empty()) {
            error.message = "it is no JSON object";
            return error;
        }

        return problem(error.param, "is no string");
    }

    struct Needed {
        std::string_view name;
        const json::String *value;
    };

    for (const Needed &each : {
             Needed{"type", &fields.type},
             Needed{"client_email", &fields.client_email},
             Needed{"private_key", &fields.private_key},
             Needed{"token_uri", &fields.token_uri} })
    {
        if (each.value->empty()) {
            return problem(each.name, "is missing");
        }
    }

    std::string_view type = fields.type.decode(arena);

    if (type != "service_account") {
        return problem("type", "is \"" + scrub(type, {}, max_shown)
                               + "\", \"service_account\" is expected");
    }

    ServiceAccount account;
    account.client_email = fields.client_email.decode(arena);
    account.private_key_id = fields.private_key_id.decode(arena);
    account.project_id = fields.project_id.decode(arena);
    account.token_uri = fields.token_uri.decode(arena);

    if (!is_email(account.client_email)) {
        return problem("client_email", "is no e-mail address");
    }

    if (account.private_key_id.size() > max_key_id
        || !is_plain(account.private_key_id))
    {
        return problem("private_key_id", "is no key's id");
    }

    if (!account.project_id.empty() && !is_cloud_project(account.project_id)) {
        return problem("project_id", "is no project's id");
    }

    std::string_view wrong = token_uri_problem(account.token_uri);

    if (!wrong.empty()) {
        return problem("token_uri", wrong);
    }

    account.private_key = parse_pem(fields.private_key.decode(arena));
    wrong = key_problem(account.private_key);

    if (!wrong.empty()) {
        return problem("private_key", wrong);
    }

    return account;
}

}
