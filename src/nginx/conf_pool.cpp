// How a pool chooses, rests and counts: lines of gemini_keys.
#include "nginx/conf_pool.hpp"

#include "nginx/conf.hpp"
#include "nginx/conf_block.hpp"
#include "nginx/glue.hpp"

namespace gw::ngx {

namespace {

constexpr ngx_uint_t max_tries = 32;
constexpr ngx_msec_t min_probe_interval = 1000;
constexpr std::int64_t max_probe_fails = 100;
constexpr std::int64_t max_probe_concurrency = 64;

PoolConf &pool_of(void *conf)
{
    return *static_cast<PoolConf *>(conf);
}

/// false: it is no time, or less than `least`.
bool time_option(std::string_view value, ngx_msec_t least, ngx_msec_t &time)
{
    ngx_str_t text = str(value);
    ngx_int_t ms = ngx_parse_time(&text, 0);

    if (ms == NGX_ERROR || ms < static_cast<ngx_int_t>(least)) {
        return false;
    }

    time = static_cast<ngx_msec_t>(ms);
    return true;
}

}

char *read_balance(ngx_conf_t *cf, void *conf)
{
    struct Row {
        std::string_view name;
        keys::Balance balance;
    };

    static constexpr Row rows[] = {
        {"headroom", keys::Balance::headroom},
        {"round_robin", keys::Balance::round_robin},
        {"random", keys::Balance::random},
        {"least_used", keys::Balance::least_used},
    };

    PoolConf &pool = pool_of(conf);

    if (pool.has_balance) {
        return conf_error(cf, "\"balance\" directive is duplicate");
    }

    for (const Row &row : rows) {
        if (arg(cf, 1) == row.name) {
            pool.options.balance = row.balance;
            pool.has_balance = 1;
            return NGX_CONF_OK;
        }
    }

    return invalid_value(cf, "balance", arg(cf, 1),
        "headroom, round_robin, random or least_used is expected");
}

char *read_tries(ngx_conf_t *cf, void *conf)
{
    PoolConf &pool = pool_of(conf);

    if (pool.has_tries) {
        return conf_error(cf, "\"tries\" directive is duplicate");
    }

    auto tries = positive(arg(cf, 1), max_tries);

    if (!tries) {
        return invalid_value(cf, "tries", arg(cf, 1),
            "1 to 32 is expected");
    }

    pool.tries = static_cast<ngx_uint_t>(*tries);
    pool.has_tries = 1;

    return NGX_CONF_OK;
}

char *read_cooldown(ngx_conf_t *cf, void *conf)
{
    PoolConf &pool = pool_of(conf);
    auto failure = gemini::failure_class(arg(cf, 1));

    if (!failure || *failure == gemini::FailureClass::none) {
        return invalid_value(cf, "cooldown", arg(cf, 1),
            "it is no failure class");
    }

    auto index = static_cast<std::size_t>(*failure);

    if (pool.cooldowns_set & (1u << index)) {
        return conf_error(cf, "\"cooldown " + std::string(arg(cf, 1))
                              + "\" is duplicate");
    }

    pool.cooldowns_set |= 1u << index;

    if (arg(cf, 2) == "off") {
        pool.options.cooldowns.time_ms[index] = keys::CooldownRules::off;
        return NGX_CONF_OK;
    }

    ngx_str_t text = str(arg(cf, 2));
    ngx_int_t ms = ngx_parse_time(&text, 0);

    if (ms == NGX_ERROR || ms == 0) {
        return invalid_value(cf, "cooldown", arg(cf, 2),
            "a time or \"off\" is expected");
    }

    pool.options.cooldowns.time_ms[index] = ms;
    return NGX_CONF_OK;
}

char *read_limit(ngx_conf_t *cf, void *conf)
{
    keys::Limits limits;

    for (ngx_uint_t i = 2; i < cf->args->nelts; ++i) {
        std::string problem = "rpm=, rpd=, tpm= or tpd= is expected";

        if (!limit_option(arg(cf, i), limits, true, problem)) {
            return invalid_value(cf, "limit", arg(cf, i), problem);
        }
    }

    pool_of(conf).options.quotas.add(arg(cf, 1), limits);
    return NGX_CONF_OK;
}

char *read_limits_file(ngx_conf_t *cf, void *conf)
{
    PoolConf &pool = pool_of(conf);

    if (pool.has_limits) {
        return conf_error(cf, "\"limits\" directive is duplicate");
    }

    auto text = read_whole(cf, "limits", arg(cf, 1));

    if (!text) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    auto read = keys::read_limits(*text, pool.options.quotas);

    if (!read) {
        return invalid_value(cf, "limits", arg(cf, 1), read.error().message);
    }

    pool.has_limits = 1;
    return NGX_CONF_OK;
}

char *read_exhausted(ngx_conf_t *cf, void *conf)
{
    PoolConf &pool = pool_of(conf);
    std::string_view value;

    if (pool.has_exhausted) {
        return conf_error(cf, "\"exhausted\" directive is duplicate");
    }

    pool.has_exhausted = 1;

    if (arg(cf, 1) == "fail") {
        pool.exhausted = Exhausted::fail;
        return NGX_CONF_OK;
    }

    if (arg(cf, 1) == "soonest") {
        pool.exhausted = Exhausted::soonest;
        return NGX_CONF_OK;
    }

    if (option(arg(cf, 1), "wait", value)) {
        ngx_str_t text = str(value);
        ngx_int_t ms = ngx_parse_time(&text, 0);

        if (ms != NGX_ERROR && ms > 0) {
            pool.exhausted = Exhausted::wait;
            pool.wait = static_cast<ngx_msec_t>(ms);
            return NGX_CONF_OK;
        }
    }

    return invalid_value(cf, "exhausted", arg(cf, 1),
        "\"fail\", \"wait=TIME\" or \"soonest\" is expected");
}

char *read_sticky(ngx_conf_t *cf, void *conf)
{
    PoolConf &pool = pool_of(conf);

    if (pool.has_sticky) {
        return conf_error(cf, "\"sticky\" directive is duplicate");
    }

    if (arg(cf, 1) != "on" && arg(cf, 1) != "off") {
        return invalid_value(cf, "sticky", arg(cf, 1),
            "\"on\" or \"off\" is expected");
    }

    pool.options.sticky = arg(cf, 1) == "on";
    pool.has_sticky = 1;

    return NGX_CONF_OK;
}

char *read_probe(ngx_conf_t *cf, void *conf)
{
    ProbeConf &probe = pool_of(conf).probe;
    ngx_msec_t interval = 0;

    if (probe.interval != 0) {
        return conf_error(cf, "\"probe\" directive is duplicate");
    }

    for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
        std::string_view word = arg(cf, i);
        std::string_view value;
        std::optional<std::int64_t> number;

        if (word == "on_start") {
            probe.on_start = true;

        } else if (option(word, "interval", value)) {
            if (!time_option(value, min_probe_interval, interval)) {
                return invalid_value(cf, "probe", word,
                    "a time of at least 1s is expected");
            }

        } else if (option(word, "timeout", value)) {
            if (!time_option(value, 1, probe.timeout)) {
                return invalid_value(cf, "probe", word,
                    "a time is expected");
            }

        } else if (option(word, "fails", value)) {
            number = positive(value, max_probe_fails);

            if (!number) {
                return invalid_value(cf, "probe", word,
                    "1 to 100 is expected");
            }

            probe.fails = static_cast<unsigned>(*number);

        } else if (option(word, "concurrency", value)) {
            number = positive(value, max_probe_concurrency);

            if (!number) {
                return invalid_value(cf, "probe", word,
                    "1 to 64 is expected");
            }

            probe.concurrency = static_cast<std::size_t>(*number);

        } else {
            return invalid_value(cf, "probe", word, "interval=, on_start, "
                "timeout=, fails= or concurrency= is expected");
        }
    }

    if (interval == 0) {
        return conf_error(cf, "\"probe\" needs \"interval=\"");
    }

    probe.interval = interval;
    probe.configuration = static_cast<std::uint64_t>(now_ms()) << 20
                          ^ static_cast<std::uint64_t>(ngx_random());

    return NGX_CONF_OK;
}

char *read_zone(ngx_conf_t *cf, void *conf)
{
    PoolConf &pool = pool_of(conf);

    if (pool.zone_size != 0) {
        return conf_error(cf, "\"zone\" directive is duplicate");
    }

    ngx_str_t text = str(arg(cf, 1));
    ssize_t size = ngx_parse_size(&text);

    if (size == NGX_ERROR || size < 0) {
        return invalid_value(cf, "zone", arg(cf, 1), "a size is expected");
    }

    if (size < static_cast<ssize_t>(8 * ngx_pagesize)) {
        return invalid_value(cf, "zone", arg(cf, 1), "it is too small");
    }

    pool.zone_size = static_cast<std::size_t>(size);
    return NGX_CONF_OK;
}

}
