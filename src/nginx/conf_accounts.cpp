#include "nginx/conf_accounts.hpp"

#include "core/account/assertion.hpp"
#include "core/base/text.hpp"
#include "core/gemini/vertex_path.hpp"
#include "nginx/conf_block.hpp"
#include "nginx/glue.hpp"

#include <openssl/crypto.h>

#include <algorithm>

namespace gw::ngx {

namespace {

constexpr std::size_t max_scope = 1024;
constexpr std::string_view default_location = "global";

/// The options behind the file's path.
struct AccountOptions {
    keys::Credential credential;
    std::string scope{account::default_scope};
};

bool is_scope(std::string_view text)
{
    return !text.empty() && std::all_of(text.begin(), text.end(),
        [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; });
}

/// Several are written with commas, and sent with blanks.
bool read_scope(std::string_view value, std::string &scope)
{
    scope.clear();

    for (const std::string &one : split(value, ',')) {
        if (!is_scope(one)) {
            return false;
        }

        scope += scope.empty() ? "" : " ";
        scope += one;
    }

    return scope.size() <= max_scope;
}

/// false after logging.
bool read_option(ngx_conf_t *cf, std::string_view word,
    AccountOptions &options)
{
    keys::Credential &credential = options.credential;
    std::string_view value;
    std::string_view expected;

    if (option(word, "name", value)) {
        credential.name = value;
        expected = value.empty() ? "a name is expected" : "";

    } else if (option(word, "weight", value)) {
        auto weight = positive(value, 1000);
        credential.weight = static_cast<unsigned>(weight.value_or(1));
        expected = weight ? "" : "1 to 1000 is expected";

    } else if (option(word, "models", value)) {
        credential.models = split(value, ',');
        expected = value.empty() ? "globs are expected" : "";

    } else if (option(word, "project", value)) {
        credential.project = value;
        expected = gemini::valid_cloud_project(value)
            ? "" : "a project's id is expected";

    } else if (option(word, "location", value)) {
        credential.location = value;
        expected = gemini::valid_location(value)
            ? "" : "a location is expected";

    } else if (option(word, "scope", value)) {
        expected = read_scope(value, options.scope)
            ? "" : "scopes are expected";

    } else if (option(word, "api", value)) {
        credential.api = value == "vertex" ? gemini::Api::vertex
                                           : gemini::Api::gemini;
        expected = value == "vertex" || value == "gemini"
            ? "" : "api=gemini or api=vertex is expected";

    } else {
        expected = "it is unknown";
    }

    if (!expected.empty()) {
        invalid_value(cf, "service_account", word, expected);
    }

    return expected.empty();
}

/// What a credential is known by: not by its key, which is replaced from time
/// to time.
std::string identity_of(const account::ServiceAccount &file,
    const keys::Credential &credential)
{
    bool vertex = credential.api == gemini::Api::vertex;

    return "service-account " + file.client_email
           + (vertex ? " vertex " : " gemini ") + credential.cloud_project
           + " " + credential.location;
}

/// What stands in the way of the account; empty: nothing.
std::string complete(const account::ServiceAccount &file,
    keys::Credential &credential)
{
    bool vertex = credential.api == gemini::Api::vertex;

    credential.account = true;
    credential.client_email = file.client_email;
    credential.cloud_project = credential.project.empty()
        ? file.project_id : credential.project;

    if (!vertex && !credential.location.empty()) {
        return "\"location=\" is for api=vertex";
    }

    if (vertex && credential.location.empty()) {
        credential.location = default_location;
    }

    if (vertex && credential.cloud_project.empty()) {
        return "\"project_id\" is missing, and there is no \"project=\", "
               "which api=vertex needs";
    }

    if (vertex && !gemini::valid_cloud_project(credential.cloud_project)) {
        return "\"project_id\" is no project of Vertex AI";
    }

    credential.secret = identity_of(file, credential);

    if (credential.name.empty()) {
        credential.name = file.client_email;

        if (vertex) {
            credential.name += "/" + credential.location;
        }
    }

    return {};
}

/// Of two files of one account the first one's key signs.
bool add_account(PoolConf &pool, account::ServiceAccount file,
    AccountOptions &options)
{
    keys::Credential &credential = options.credential;

    credential.token_id = keys::token_id(file.client_email, options.scope,
        file.token_uri);

    for (const AccountConf &account : pool.accounts) {
        if (account.token_id == credential.token_id) {
            return true;
        }
    }

    if (pool.accounts.size() == keys::max_accounts) {
        return false;
    }

    AccountConf account;
    account.file = std::move(file);
    account.scope = options.scope;
    account.name = credential.name;
    account.token_id = credential.token_id;
    pool.accounts.push_back(std::move(account));

    return true;
}

}

char *read_service_account(ngx_conf_t *cf, void *conf)
{
    PoolConf &pool = *static_cast<PoolConf *>(conf);
    std::string path(arg(cf, 1));
    AccountOptions options;

    for (ngx_uint_t i = 2; i < cf->args->nelts; ++i) {
        if (!read_option(cf, arg(cf, i), options)) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
    }

    auto text = read_whole(cf, "service_account", path);

    if (!text) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    auto file = account::read_key_file(*text);
    OPENSSL_cleanse(text->data(), text->size());

    auto in_file = [&](const std::string &problem) {
        return conf_error(cf, problem + " in \"service_account\" \"" + path
                              + "\"");
    };

    if (!file) {
        return in_file(file.error().message);
    }

    keys::Credential &credential = options.credential;
    bool named = !credential.name.empty();
    std::string problem = complete(file.value(), credential);

    if (!problem.empty()) {
        return in_file(problem);
    }

    if (!pool.ids.insert(keys::credential_id(credential.secret)).second) {
        return in_file("account \"" + file->client_email + "\" is there "
                       "already for this API, project and location");
    }

    if (named && !pool.names.insert(credential.name).second) {
        return in_file("name \"" + credential.name + "\" is taken already");
    }

    if (!add_account(pool, std::move(file.value()), options)) {
        return in_file("there are too many accounts");
    }

    pool.credentials.push_back(credential);

    return NGX_CONF_OK;
}

bool prepare_accounts(ngx_conf_t *cf, PoolConf &pool)
{
    pool.configuration = static_cast<std::uint64_t>(ngx_random()) << 32
                         ^ static_cast<std::uint64_t>(ngx_random());

    for (AccountConf &account : pool.accounts) {
        std::string problem;

        account.target = add_target(cf, account.file.token_uri, problem);

        if (account.target == nullptr) {
            conf_error(cf, "\"token_uri\" of service account \""
                           + account.file.client_email + "\" is no URL: "
                           + problem);
            return false;
        }
    }

    return true;
}

bool bind_accounts(ngx_conf_t *cf, PoolConf &pool)
{
    for (AccountConf &account : pool.accounts) {
        if (bind_target(cf, account.target) != NGX_OK) {
            return false;
        }

        if (account.target->tls) {
            account.tls = tls_for(cf, pool.ssl_verify,
                pool.ssl_trusted_certificate);

            if (account.tls == nullptr) {
                return false;
            }
        }
    }

    return true;
}

}
