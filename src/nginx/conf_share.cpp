// Where a pool's state goes beyond this nginx: lines of gemini_keys.
#include "core/base/text.hpp"
#include "nginx/conf.hpp"
#include "nginx/conf_block.hpp"
#include "nginx/conf_pool.hpp"
#include "nginx/glue.hpp"
#include "nginx/redis_connection.hpp"

#include <openssl/crypto.h>

namespace gw::ngx {

namespace {

PoolConf &pool_of(void *conf)
{
    return *static_cast<PoolConf *>(conf);
}

/// The configuration's own copy of what may hold a password.
void wipe_argument(ngx_conf_t *cf, ngx_uint_t i)
{
    ngx_str_t *word = static_cast<ngx_str_t *>(cf->args->elts) + i;

    OPENSSL_cleanse(word->data, word->len);
    word->len = 0;
}

bool good_prefix(std::string_view prefix)
{
    constexpr std::size_t max_prefix = 64;

    return prefix.size() <= max_prefix
        && prefix.find_first_of("{} \t\r\n") == std::string_view::npos;
}

}

char *read_state(ngx_conf_t *cf, void *conf)
{
    PoolConf &pool = pool_of(conf);

    if (pool.state.len != 0) {
        return conf_error(cf, "\"state\" directive is duplicate");
    }

    pool.state = static_cast<ngx_str_t *>(cf->args->elts)[1];

    if (pool.state.len == 0
        || ngx_conf_full_name(cf->cycle, &pool.state, 0) != NGX_OK)
    {
        return invalid_value(cf, "state", arg(cf, 1), "a path is expected");
    }

    std::string folder(view(pool.state));
    folder.resize(folder.rfind('/') + 1);

    ngx_file_info_t info;

    if (ngx_file_info(folder.c_str(), &info) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
            "the folder of \"%V\" in \"state\" cannot be used", &pool.state);
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    if (ngx_file_info(pool.state.data, &info) != NGX_FILE_ERROR
        && ngx_is_dir(&info))
    {
        return invalid_value(cf, "state", arg(cf, 1), "it is a folder");
    }

    return NGX_CONF_OK;
}

char *read_redis(ngx_conf_t *cf, void *conf)
{
    PoolConf &pool = pool_of(conf);

    if (pool.redis != nullptr) {
        return conf_error(cf, "\"redis\" directive is duplicate");
    }

    auto url = secret_value(cf, "redis", arg(cf, 1));

    if (!url) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    auto parsed = share::parse_redis_url(*url);
    OPENSSL_cleanse(url->data(), url->size());

    if (!parsed) {
        // Not the URL itself: it may hold a password.
        return conf_error(cf, "invalid URL in \"redis\": "
                              + parsed.error().message);
    }

    pool.redis = make<RedisOptions>(cf->pool);

    if (pool.redis == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    pool.redis->url = std::move(parsed.value());

    for (ngx_uint_t i = 2; i < cf->args->nelts; ++i) {
        std::string_view value;

        if (option(arg(cf, i), "prefix", value) && good_prefix(value)) {
            pool.redis_prefix = value;
            continue;
        }

        if (option(arg(cf, i), "timeout", value)) {
            ngx_str_t text = str(value);
            ngx_int_t ms = ngx_parse_time(&text, 0);

            if (ms != NGX_ERROR && ms > 0) {
                pool.redis->timeout = static_cast<ngx_msec_t>(ms);
                continue;
            }
        }

        return invalid_value(cf, "redis", arg(cf, i),
            "prefix=TEXT or timeout=TIME is expected");
    }

    std::string problem;

    if (!prepare_redis(cf, *pool.redis, problem)) {
        return conf_error(cf, "invalid \"redis\": " + problem);
    }

    wipe_argument(cf, 1);
    return NGX_CONF_OK;
}

}
