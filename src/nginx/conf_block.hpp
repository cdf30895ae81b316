// What the blocks gemini_keys and gemini_clients share: lines read by a table
// of their own, secrets from the environment or a file, name=value options.
#pragma once

#include "core/keys/window.hpp"
#include "nginx/ngx.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::ngx {

/// One directive of a block. args counts include its name. The handler
/// returns NGX_CONF_OK or NGX_CONF_ERROR after logging.
struct BlockLine {
    std::string_view name;
    ngx_uint_t min_args;
    ngx_uint_t max_args;
    char *(*handler)(ngx_conf_t *cf, void *conf);
};

/// Reads the block that cf stands before. conf goes to the handlers.
char *read_block(ngx_conf_t *cf, const BlockLine *lines, std::size_t count,
    void *conf);

/// cf->args->elts[i] as text; i must be there.
std::string_view arg(ngx_conf_t *cf, ngx_uint_t i);

/// Logs at emerg, nginx adding file and line. Always NGX_CONF_ERROR.
char *conf_error(ngx_conf_t *cf, const std::string &message);

/// The same for the directive at hand: `invalid value "V" in "gemini_x": WHY`.
char *invalid_value(ngx_conf_t *cf, std::string_view directive,
    std::string_view value, std::string_view why = {});

/// A secret as written: itself, or for "env:VAR" the variable's value as it is
/// in the master process. nullopt after logging: unset or empty.
std::optional<std::string> secret_value(ngx_conf_t *cf,
    std::string_view directive, std::string_view text);

/// A whole file, up to 16 MB; nullopt after logging.
std::optional<std::string> read_whole(ngx_conf_t *cf,
    std::string_view directive, std::string_view path);

/// The lines of a file of keys or tokens, split at white space; '#' begins a
/// comment. Read at configuration, in the master. nullopt after logging.
struct FileLine {
    std::size_t number;
    std::vector<std::string> words;
};

std::optional<std::vector<FileLine>> read_lines(ngx_conf_t *cf,
    std::string_view directive, std::string_view path);

/// "name=value" by its name; false: another name.
bool option(std::string_view word, std::string_view name,
    std::string_view &value);

std::vector<std::string> split(std::string_view text, char separator);

/// A whole positive number up to `most`.
std::optional<std::int64_t> positive(std::string_view text,
    std::int64_t most = 1000000000000);

/// rpm=, rpd=, tpm=, tpd=. false: not one of these, or (problem set) not a
/// number.
bool limit_option(std::string_view word, keys::Limits &limits, bool tokens,
    std::string &problem);

}
