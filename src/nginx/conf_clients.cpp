// gemini_clients NAME { … }
#include "core/base/text.hpp"
#include "core/keys/secret.hpp"
#include "nginx/conf.hpp"
#include "nginx/conf_block.hpp"
#include "nginx/glue.hpp"
#include "nginx/zone.hpp"

#include <openssl/crypto.h>

namespace gw::ngx {

namespace {

/// words[0] is the token, the others its options. problem: why not.
bool add_client(ngx_conf_t *cf, ClientsConf &clients,
    std::vector<std::string> &words, std::string &problem)
{
    constexpr std::string_view hashed = "sha256:";

    keys::Client client;

    for (std::size_t i = 1; i < words.size(); ++i) {
        std::string_view value;

        if (limit_option(words[i], client.limits, true, problem)) {
            continue;
        }

        if (!problem.empty()) {
            problem = "invalid value in \"" + words[i] + "\": " + problem;
            return false;
        }

        if (option(words[i], "name", value) && !value.empty()) {
            client.name = value;

        } else if (option(words[i], "models", value) && !value.empty()) {
            client.models = split(value, ',');

        } else if (option(words[i], "role", value)) {
            if (value != "admin") {
                problem = "unknown role \"" + std::string(value)
                          + "\", \"admin\" is expected";
                return false;
            }

            client.admin = true;

        } else {
            problem = "unknown option \"" + words[i] + "\"";
            return false;
        }
    }

    if (starts_with(words[0], hashed)) {
        auto digest = keys::digest_from_hex(
            std::string_view(words[0]).substr(hashed.size()));

        if (!digest) {
            problem = "\"sha256:\" needs 64 hex digits";
            return false;
        }

        client.digest = *digest;

    } else {
        auto token = secret_value(cf, "token", words[0]);

        if (!token) {
            return false;
        }

        problem = keys::secret_problem(*token);

        if (!problem.empty()) {
            problem = "invalid token: " + problem;
            return false;
        }

        client.digest = keys::digest_of(*token);
        OPENSSL_cleanse(token->data(), token->size());
    }

    OPENSSL_cleanse(words[0].data(), words[0].size());

    if (!clients.set.add(std::move(client))) {
        problem = "the same token is there already";
        return false;
    }

    return true;
}

char *read_token(ngx_conf_t *cf, void *conf)
{
    std::vector<std::string> words;

    for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
        words.emplace_back(arg(cf, i));
    }

    ngx_str_t *word = static_cast<ngx_str_t *>(cf->args->elts) + 1;
    OPENSSL_cleanse(word->data, word->len);
    word->len = 0;

    std::string problem;

    if (add_client(cf, *static_cast<ClientsConf *>(conf), words, problem)) {
        return NGX_CONF_OK;
    }

    return problem.empty() ? static_cast<char *>(NGX_CONF_ERROR)
                           : conf_error(cf, problem + " in \"token\"");
}

char *read_file(ngx_conf_t *cf, void *conf)
{
    auto lines = read_lines(cf, "file", arg(cf, 1));

    if (!lines) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    for (FileLine &line : *lines) {
        std::string problem;

        if (add_client(cf, *static_cast<ClientsConf *>(conf), line.words,
                problem))
        {
            continue;
        }

        return problem.empty()
            ? static_cast<char *>(NGX_CONF_ERROR)
            : conf_error(cf, problem + " in \"file\", line "
                             + std::to_string(line.number) + " of \""
                             + std::string(arg(cf, 1)) + "\"");
    }

    return NGX_CONF_OK;
}

constexpr BlockLine lines[] = {
    {"token", 2, 9, read_token},
    {"file", 2, 2, read_file},
};

}

char *set_clients(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(cf->log, static_cast<char *>(NGX_CONF_ERROR),
        [&]() -> char * {
            auto *mcf = static_cast<MainConf *>(conf);
            std::string_view name = arg(cf, 1);

            if (name == "off") {
                return invalid_value(cf, "gemini_clients", name,
                    "\"off\" is what gemini_auth takes for nobody");
            }

            for (ClientsConf *clients : *mcf->clients) {
                if (view(clients->name) == name) {
                    return conf_error(cf, "gemini_clients \""
                                          + std::string(name)
                                          + "\" is duplicate");
                }
            }

            auto *clients = make<ClientsConf>(cf->pool);

            if (clients == nullptr) {
                return conf_error(cf, "out of memory");
            }

            clients->name = static_cast<ngx_str_t *>(cf->args->elts)[1];

            char *rv = read_block(cf, lines, sizeof(lines) / sizeof(lines[0]),
                clients);

            if (rv != NGX_CONF_OK) {
                return rv;
            }

            if (clients->set.size() == 0) {
                return conf_error(cf, "no token in gemini_clients \""
                                      + std::string(name) + "\"");
            }

            mcf->clients->push_back(clients);

            return add_clients_zone(cf, clients) == NGX_OK
                ? NGX_CONF_OK : static_cast<char *>(NGX_CONF_ERROR);
        });
}

}
