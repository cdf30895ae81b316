// gemini_keys NAME { … }: the block and its keys. How the pool behaves:
// conf_pool.cpp.
#include "core/base/text.hpp"
#include "core/keys/secret.hpp"
#include "nginx/conf.hpp"
#include "nginx/conf_accounts.hpp"
#include "nginx/conf_block.hpp"
#include "nginx/conf_pool.hpp"
#include "nginx/glue.hpp"
#include "nginx/zone.hpp"

#include <openssl/crypto.h>

namespace gw::ngx {

namespace {

constexpr ngx_uint_t max_weight = 1000;

PoolConf &pool_of(void *conf)
{
    return *static_cast<PoolConf *>(conf);
}

char *out_of_memory(ngx_conf_t *cf)
{
    return conf_error(cf, "out of memory");
}

// mask() shows nothing of shorter ones, and all would have the same name.
constexpr std::size_t shortest_shown = 12;

std::string hex(std::uint64_t id)
{
    char digits[17];
    auto *end = ngx_hex_dump(reinterpret_cast<u_char *>(digits),
        reinterpret_cast<u_char *>(&id), sizeof(id));

    return {digits, reinterpret_cast<char *>(end) - 8};
}

/// The options after a key, in a directive or in a file. problem: why not.
bool read_key_options(const std::vector<std::string> &words,
    keys::Credential &credential, std::string &problem)
{
    for (std::size_t i = 1; i < words.size(); ++i) {
        std::string_view value;

        if (option(words[i], "name", value)) {
            credential.name = value;

        } else if (option(words[i], "weight", value)) {
            auto weight = positive(value, max_weight);

            if (!weight) {
                problem = "invalid weight \"" + std::string(value)
                          + "\", 1 to 1000 is expected";
                return false;
            }

            credential.weight = static_cast<unsigned>(*weight);

        } else if (option(words[i], "models", value)) {
            credential.models = split(value, ',');

        } else if (option(words[i], "project", value)) {
            credential.project = value;

        } else {
            problem = "unknown option \"" + words[i] + "\"";
            return false;
        }

        if (value.empty()) {
            problem = "option \"" + words[i] + "\" has no value";
            return false;
        }
    }

    return true;
}

/// Adds one key; a key that stands twice is a mistake worth knowing, since its
/// quota does not double.
bool add_key(PoolConf &pool, std::string_view secret,
    const keys::Credential &options, std::string &problem)
{
    problem = starts_with(secret, "env:")
        ? "\"env:\" is for the \"key\" directive"
        : std::string(keys::secret_problem(secret));

    if (!problem.empty()) {
        return false;
    }

    std::string shown = mask(secret);

    if (!pool.ids.insert(keys::credential_id(secret)).second) {
        problem = "key \"" + shown + "\" is there already";
        return false;
    }

    if (!options.name.empty() && !pool.names.insert(options.name).second) {
        problem = "name \"" + options.name + "\" is taken already";
        return false;
    }

    keys::Credential credential = options;
    credential.secret = secret;

    if (credential.name.empty()) {
        credential.name = secret.size() < shortest_shown
            ? "key-" + hex(keys::credential_id(secret)) : shown;
    }

    pool.credentials.push_back(std::move(credential));
    return true;
}

std::vector<std::string> words_of(ngx_conf_t *cf)
{
    std::vector<std::string> words;

    for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
        words.emplace_back(arg(cf, i));
    }

    return words;
}

char *read_key(ngx_conf_t *cf, void *conf)
{
    PoolConf &pool = pool_of(conf);
    std::vector<std::string> words = words_of(cf);

    keys::Credential options;
    std::string problem;

    if (!read_key_options(words, options, problem)) {
        return conf_error(cf, problem + " in \"key\"");
    }

    auto secret = secret_value(cf, "key", words[0]);

    if (!secret) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    bool from_environment = starts_with(words[0], "env:");
    std::vector<std::string> secrets = from_environment
        ? split(*secret, ',') : std::vector<std::string>{*secret};

    std::size_t number = 0;

    for (std::string &one : secrets) {
        std::string_view trimmed = trim(one);

        if (trimmed.empty() && from_environment) {
            continue;
        }

        keys::Credential each = options;

        if (!options.name.empty() && secrets.size() > 1) {
            each.name += "-" + std::to_string(++number);
        }

        if (!add_key(pool, trimmed, each, problem)) {
            return conf_error(cf, "invalid key in \"key\": " + problem);
        }

        OPENSSL_cleanse(one.data(), one.size());
    }

    OPENSSL_cleanse(secret->data(), secret->size());

    if (!from_environment) {
        // The configuration's own copy, which a core dump would show.
        ngx_str_t *word = static_cast<ngx_str_t *>(cf->args->elts) + 1;
        OPENSSL_cleanse(word->data, word->len);
        word->len = 0;
    }

    return NGX_CONF_OK;
}

char *read_file(ngx_conf_t *cf, void *conf)
{
    auto lines = read_lines(cf, "file", arg(cf, 1));

    if (!lines) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    for (FileLine &line : *lines) {
        keys::Credential options;
        std::string problem;

        if (!read_key_options(line.words, options, problem)
            || !add_key(pool_of(conf), line.words[0], options, problem))
        {
            return conf_error(cf, problem + " in \"file\", line "
                                  + std::to_string(line.number) + " of \""
                                  + std::string(arg(cf, 1)) + "\"");
        }

        OPENSSL_cleanse(line.words[0].data(), line.words[0].size());
    }

    return NGX_CONF_OK;
}

constexpr BlockLine lines[] = {
    {"key", 2, 6, read_key},
    {"file", 2, 2, read_file},
    {"service_account", 2, 9, read_service_account},
    {"balance", 2, 2, read_balance},
    {"tries", 2, 2, read_tries},
    {"cooldown", 3, 3, read_cooldown},
    {"limit", 3, 6, read_limit},
    {"limits", 2, 2, read_limits_file},
    {"exhausted", 2, 2, read_exhausted},
    {"sticky", 2, 2, read_sticky},
    {"probe", 2, 6, read_probe},
    {"zone", 2, 2, read_zone},
    {"state", 2, 2, read_state},
    {"redis", 2, 4, read_redis},
};

}

char *set_keys(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(cf->log, static_cast<char *>(NGX_CONF_ERROR),
        [&]() -> char * {
            auto *mcf = static_cast<MainConf *>(conf);
            std::string_view name = arg(cf, 1);

            for (PoolConf *pool : *mcf->pools) {
                if (view(pool->name) == name) {
                    return conf_error(cf, "gemini_keys \"" + std::string(name)
                                          + "\" is duplicate");
                }
            }

            auto *pool = make<PoolConf>(cf->pool);

            if (pool == nullptr) {
                return out_of_memory(cf);
            }

            pool->name = static_cast<ngx_str_t *>(cf->args->elts)[1];

            char *rv = read_block(cf, lines, sizeof(lines) / sizeof(lines[0]),
                pool);

            if (rv != NGX_CONF_OK) {
                return rv;
            }

            // Others may add some where there is something to share.
            if (pool->credentials.empty() && pool->redis == nullptr
                && pool->state.len == 0)
            {
                return conf_error(cf, "no key in gemini_keys \""
                                      + std::string(name) + "\"");
            }

            if (!prepare_accounts(cf, *pool)) {
                return static_cast<char *>(NGX_CONF_ERROR);
            }

            // Whether they are needed is known only when everything is
            // merged, but a group can be made only now.
            for (const keys::Credential &credential : pool->credentials) {
                if (credential.api == gemini::Api::vertex
                    && vertex_target(cf, credential.location) == nullptr)
                {
                    return conf_error(cf, "cannot make the upstream group "
                        "of \"" + credential.location + "\"");
                }
            }

            pool->seal = &mcf->seal;

            mcf->pools->push_back(pool);

            return add_pool_zone(cf, pool) == NGX_OK
                ? NGX_CONF_OK : static_cast<char *>(NGX_CONF_ERROR);
        });
}

}
