#include "nginx/conf_block.hpp"

#include "core/base/text.hpp"
#include "nginx/glue.hpp"
#include "nginx/log.hpp"

#include <openssl/crypto.h>

#include <charconv>
#include <cstdlib>

namespace gw::ngx {

namespace {

constexpr std::size_t max_file = 16 * 1024 * 1024;

struct BlockReader {
    const BlockLine *lines;
    std::size_t count;
    void *conf;
};

char *read_line(ngx_conf_t *cf, ngx_command_t *, void *data)
{
    return guarded(cf->log, static_cast<char *>(NGX_CONF_ERROR),
        [&]() -> char * {
            auto *reader = static_cast<BlockReader *>(data);
            std::string_view name = arg(cf, 0);

            for (std::size_t i = 0; i < reader->count; ++i) {
                const BlockLine &line = reader->lines[i];

                if (line.name != name) {
                    continue;
                }

                if (cf->args->nelts < line.min_args
                    || cf->args->nelts > line.max_args)
                {
                    return conf_error(cf,
                        "invalid number of arguments in \""
                        + std::string(name) + "\" directive");
                }

                return line.handler(cf, reader->conf);
            }

            return conf_error(cf, "unknown directive \""
                                  + std::string(name) + "\"");
        });
}

}

char *read_block(ngx_conf_t *cf, const BlockLine *lines, std::size_t count,
    void *conf)
{
    BlockReader reader{lines, count, conf};

    ngx_conf_t saved = *cf;
    cf->handler = read_line;
    cf->handler_conf = reinterpret_cast<char *>(&reader);

    char *rv = ngx_conf_parse(cf, nullptr);
    *cf = saved;

    return rv;
}

std::string_view arg(ngx_conf_t *cf, ngx_uint_t i)
{
    return view(static_cast<ngx_str_t *>(cf->args->elts)[i]);
}

char *conf_error(ngx_conf_t *cf, const std::string &message)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%*s", GW_LOG(message));
    return static_cast<char *>(NGX_CONF_ERROR);
}

char *invalid_value(ngx_conf_t *cf, std::string_view directive,
    std::string_view value, std::string_view why)
{
    std::string message = "invalid value \"" + std::string(value) + "\" in \""
                          + std::string(directive) + "\"";

    if (!why.empty()) {
        message += ": ";
        message += why;
    }

    return conf_error(cf, message);
}

std::optional<std::string> secret_value(ngx_conf_t *cf,
    std::string_view directive, std::string_view text)
{
    constexpr std::string_view from_environment = "env:";

    if (!starts_with(text, from_environment)) {
        return std::string(text);
    }

    std::string name(text.substr(from_environment.size()));
    const char *value = std::getenv(name.c_str());

    if (value == nullptr || *value == '\0') {
        conf_error(cf, "environment variable \"" + name + "\" in \""
                       + std::string(directive) + "\" is not set");
        return std::nullopt;
    }

    return std::string(value);
}

std::optional<std::string> read_whole(ngx_conf_t *cf,
    std::string_view directive, std::string_view path)
{
    ngx_str_t name = copy(cf->pool, path);

    if (name.data == nullptr
        || ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK)
    {
        return std::nullopt;
    }

    ngx_fd_t fd = ngx_open_file(name.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
            ngx_open_file_n " \"%V\" in \"%*s\" failed", &name,
            GW_LOG(directive));
        return std::nullopt;
    }

    std::string text;
    char block[16384];
    ssize_t n;

    while ((n = ngx_read_fd(fd, block, sizeof(block))) > 0
           && text.size() <= max_file)
    {
        text.append(block, static_cast<std::size_t>(n));
    }

    ngx_err_t err = ngx_errno;
    OPENSSL_cleanse(block, sizeof(block));
    ngx_close_file(fd);

    if (n != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, n < 0 ? err : 0,
            "cannot read \"%V\" in \"%*s\"%s", &name, GW_LOG(directive),
            n > 0 ? ": it is larger than 16m" : "");
        return std::nullopt;
    }

    return text;
}

std::optional<std::vector<FileLine>> read_lines(ngx_conf_t *cf,
    std::string_view directive, std::string_view path)
{
    auto text = read_whole(cf, directive, path);

    if (!text) {
        return std::nullopt;
    }

    std::vector<FileLine> lines;
    std::size_t number = 0;

    for (const std::string &whole : split(*text, '\n')) {
        ++number;
        std::string_view line(whole);
        line = line.substr(0, line.find('#'));

        FileLine parsed{number, {}};
        std::size_t at = 0;

        while ((at = line.find_first_not_of(" \t\r;", at))
               != std::string_view::npos)
        {
            std::size_t end = line.find_first_of(" \t\r;", at);

            if (end == std::string_view::npos) {
                end = line.size();
            }

            parsed.words.emplace_back(line.substr(at, end - at));
            at = end;
        }

        if (!parsed.words.empty()) {
            lines.push_back(std::move(parsed));
        }
    }

    OPENSSL_cleanse(text->data(), text->size());
    return lines;
}

bool option(std::string_view word, std::string_view name,
    std::string_view &value)
{
    if (word.size() <= name.size() || word[name.size()] != '='
        || !starts_with(word, name))
    {
        return false;
    }

    value = word.substr(name.size() + 1);
    return true;
}

std::vector<std::string> split(std::string_view text, char separator)
{
    std::vector<std::string> parts;

    for ( ;; ) {
        std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));

        if (end == std::string_view::npos) {
            return parts;
        }

        text.remove_prefix(end + 1);
    }
}

std::optional<std::int64_t> positive(std::string_view text, std::int64_t most)
{
    std::int64_t number = 0;
    auto parsed = std::from_chars(text.data(), text.data() + text.size(),
        number);

    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()
        || number < 1 || number > most)
    {
        return std::nullopt;
    }

    return number;
}

bool limit_option(std::string_view word, keys::Limits &limits, bool tokens,
    std::string &problem)
{
    struct Row {
        std::string_view name;
        std::int64_t keys::Limits::*limit;
        bool counts_tokens;
    };

    static constexpr Row rows[] = {
        {"rpm", &keys::Limits::rpm, false},
        {"rpd", &keys::Limits::rpd, false},
        {"tpm", &keys::Limits::tpm, true},
        {"tpd", &keys::Limits::tpd, true},
    };

    for (const Row &row : rows) {
        std::string_view value;

        if (!option(word, row.name, value) || (row.counts_tokens && !tokens)) {
            continue;
        }

        auto number = positive(value);

        if (!number) {
            problem = "a whole number above 0 is expected";
            return false;
        }

        limits.*row.limit = *number;
        return true;
    }

    return false;
}

}
