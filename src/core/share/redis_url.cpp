// URLs of Redis, by the forms that Redis' own clients take. Errors never quote
// a part of the URL: whatever is misplaced in it may be the password.
#include "core/share/redis_url.hpp"

#include "core/base/text.hpp"

#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>

namespace gw::share {

namespace {

constexpr std::string_view plain_scheme = "redis://";
constexpr std::string_view tls_scheme = "rediss://";
constexpr std::string_view unix_scheme = "unix:";
constexpr std::string_view sentinel_scheme = "redis+sentinel://";

constexpr std::uint16_t sentinel_port = 26379;
constexpr std::size_t max_url = 4096;
constexpr std::size_t max_sentinels = 64;

// sockaddr_un has room for so much and a zero byte.
constexpr std::size_t max_unix_path = 107;

Error wrong(std::string message)
{
    return {ErrorKind::bad_request, std::move(message), {}, {}, 0};
}

int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/// RFC 3986 2.1. nullopt: a '%' without two hex digits behind it, or a zero
/// byte.
std::optional<std::string> percent_decoded(std::string_view text)
{
    std::string out;

    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];

        if (c == '%') {
            if (text.size() - i < 3 || digit_of(text[i + 1]) < 0
                || digit_of(text[i + 2]) < 0)
            {
                return std::nullopt;
            }

            c = static_cast<char>(digit_of(text[i + 1]) << 4
                                  | digit_of(text[i + 2]));
            i += 2;
        }

        if (c == '\0') {
            return std::nullopt;
        }

        out += c;
    }

    return out;
}

template <typename Number>
bool read_number(std::string_view text, Number &number)
{
    auto [end, error] = std::from_chars(text.data(),
        text.data() + text.size(), number);

    return error == std::errc() && end == text.data() + text.size();
}

bool read_port(std::string_view text, std::uint16_t &port)
{
    return read_number(text, port) && port != 0;
}

bool read_database(std::string_view text, unsigned &database)
{
    constexpr unsigned most = 1000000;

    return read_number(text, database) && database <= most;
}

bool only(std::string_view text, std::string_view others)
{
    for (char c : text) {
        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
            && (c < '0' || c > '9') && others.find(c) == others.npos)
        {
            return false;
        }
    }

    return !text.empty();
}

bool is_host(std::string_view text)
{
    constexpr std::size_t longest = 253;

    return text.size() <= longest && only(text, ".-_");
}

bool is_ipv6(std::string_view text)
{
    for (char c : text) {
        if (digit_of(c) < 0 && c != ':' && c != '.') {
            return false;
        }
    }

    return text.find(':') != text.npos && text.size() <= 45;
}

/// HOST[:PORT]; what is wrong, or nothing.
const char *read_address(std::string_view text, RedisAddress &address)
{
    std::string_view host = text;
    std::string_view port;

    if (starts_with(text, "[")) {
        std::size_t end = text.find(']');

        if (end == text.npos || !is_ipv6(text.substr(1, end - 1))) {
            return "has no IPv6 address between its brackets";
        }

        host = text.substr(1, end - 1);
        port = text.substr(end + 1);

    } else {
        std::size_t colon = text.find(':');

        if (colon != text.npos && text.find(':', colon + 1) != text.npos) {
            return "has more than one \":\" in its host: an IPv6 address "
                   "stands in brackets, \":\" and \"@\" of a password are "
                   "written as %3A and %40";
        }

        host = text.substr(0, colon);
        port = text.substr(host.size());

        if (!is_host(host)) {
            return host.empty() ? "has no host" : "has an invalid host";
        }
    }

    if (!port.empty()
        && (port[0] != ':' || !read_port(port.substr(1), address.port)))
    {
        return "has a port that is not a number from 1 to 65535";
    }

    address.host = host;
    return nullptr;
}

/// What stands before the last "@", taken off. What is wrong, or nothing.
const char *take_user(std::string_view &authority, RedisUrl &url)
{
    std::size_t at = authority.rfind('@');

    if (at == authority.npos) {
        return nullptr;
    }

    std::string_view both = authority.substr(0, at);
    authority.remove_prefix(at + 1);

    std::size_t colon = both.find(':');

    if (colon == both.npos || colon + 1 == both.size()) {
        return "has no password before its \"@\"; without a user it is "
               "written as :PASSWORD@";
    }

    auto user = percent_decoded(both.substr(0, colon));
    auto password = percent_decoded(both.substr(colon + 1));

    if (!user || !password) {
        return "has a user or a password with an invalid \"%\"";
    }

    url.user = std::move(*user);
    url.password = std::move(*password);

    return nullptr;
}

constexpr const char *bad_database =
    "has a database that is not a number from 0 to 1000000";

/// "db=1&password=p", as clients write it for a socket.
const char *read_parameters(std::string_view text, RedisUrl &url)
{
    while (!text.empty()) {
        std::string_view one = text.substr(0, text.find('&'));
        text.remove_prefix(one.size() < text.size() ? one.size() + 1
                                                    : one.size());

        std::size_t equals = one.find('=');
        std::string_view name = one.substr(0, equals);
        auto value = percent_decoded(
            equals == one.npos ? std::string_view() : one.substr(equals + 1));

        if (name == "db") {
            if (!value || !read_database(*value, url.database)) {
                return bad_database;
            }

        } else if (name == "user" || name == "password") {
            if (!value || value->empty()) {
                return "has an empty or invalid user or password";
            }

            (name == "user" ? url.user : url.password) = std::move(*value);

        } else {
            return "has a parameter other than \"db\", \"user\" and "
                   "\"password\"";
        }
    }

    return !url.user.empty() && url.password.empty()
        ? "has a user but no password" : nullptr;
}

Result<RedisUrl> parse_unix(std::string_view text)
{
    RedisUrl url;
    std::size_t query = text.find('?');
    std::string_view path = text.substr(0, query);

    // Some clients write it with an empty authority, unix:///path; one that is
    // not empty is a path with a slash too many, or too few.
    bool authority = starts_with(path, "//") && !starts_with(path, "///");
    auto decoded = percent_decoded(path);

    while (decoded && starts_with(*decoded, "//")) {
        decoded->erase(0, 1);
    }

    if (!decoded || authority || !starts_with(*decoded, "/")
        || decoded->size() > max_unix_path)
    {
        return wrong("the Redis URL has no absolute path of a socket of at "
                     "most 107 bytes");
    }

    url.unix_path = std::move(*decoded);

    if (query != text.npos) {
        if (const char *problem = read_parameters(text.substr(query + 1),
                url))
        {
            return wrong(std::string("the Redis URL ") + problem);
        }
    }

    return url;
}

/// HOST[:PORT][,…]; several and their own default port only of sentinels.
const char *read_addresses(std::string_view text, bool sentinels,
    RedisUrl &url)
{
    for ( ;; ) {
        std::size_t comma = sentinels ? text.find(',') : text.npos;
        RedisAddress address;

        if (sentinels) {
            address.port = sentinel_port;
        }

        if (const char *problem = read_address(text.substr(0, comma),
                address))
        {
            return problem;
        }

        if (url.addresses.size() == max_sentinels) {
            return "has more than 64 sentinels";
        }

        url.addresses.push_back(std::move(address));

        if (comma == text.npos) {
            return nullptr;
        }

        text.remove_prefix(comma + 1);
    }
}

/// What stands behind scheme://.
const char *read_rest(std::string_view text, bool sentinels, RedisUrl &url)
{
    if (text.find_first_of("?#") != text.npos) {
        return "has parameters, which only unix: takes; \"?\" and \"#\" of a "
               "password are written as %3F and %23";
    }

    std::size_t slash = text.find('/');
    std::string_view authority = text.substr(0, slash);
    std::string_view path = slash == text.npos ? std::string_view()
                                               : text.substr(slash + 1);

    if (const char *problem = take_user(authority, url)) {
        return problem;
    }

    if (const char *problem = read_addresses(authority, sentinels, url)) {
        return problem;
    }

    if (sentinels) {
        std::string_view master = path.substr(0, path.find('/'));
        path.remove_prefix(master.size() < path.size() ? master.size() + 1
                                                       : master.size());

        // Redis allows its names no other characters.
        if (!only(master, ".-_")) {
            return "has no valid name of a master behind its sentinels";
        }

        url.master = master;
    }

    return path.empty() || read_database(path, url.database) ? nullptr
                                                              : bad_database;
}

std::string shown(const RedisAddress &address)
{
    bool brackets = address.host.find(':') != std::string::npos;

    return (brackets ? '[' + address.host + ']' : address.host) + ':'
           + std::to_string(address.port);
}

/// A path as it may stand in a URL.
std::string percent_encoded(std::string_view path)
{
    constexpr char digits[] = "0123456789ABCDEF";
    std::string out;

    for (char c : path) {
        auto byte = static_cast<unsigned char>(c);

        if (byte > ' ' && byte < 0x7f && c != '%' && c != '?') {
            out += c;
            continue;
        }

        out += '%';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }

    return out;
}

}

Result<RedisUrl> parse_redis_url(std::string_view url)
{
    struct Scheme {
        std::string_view name;
        bool tls;
        bool sentinels;
    };

    constexpr Scheme schemes[] = {
        {plain_scheme, false, false},
        {tls_scheme, true, false},
        {sentinel_scheme, false, true}
    };

    if (url.size() > max_url) {
        return wrong("the Redis URL is longer than 4096 bytes");
    }

    if (starts_with(url, unix_scheme)) {
        return parse_unix(url.substr(unix_scheme.size()));
    }

    for (const Scheme &scheme : schemes) {
        if (!starts_with(url, scheme.name)) {
            continue;
        }

        RedisUrl parsed;
        parsed.tls = scheme.tls;

        if (const char *problem = read_rest(url.substr(scheme.name.size()),
                scheme.sentinels, parsed))
        {
            return wrong(std::string("the Redis URL ") + problem);
        }

        return parsed;
    }

    return wrong("the Redis URL begins with none of \"redis://\", "
                 "\"rediss://\", \"redis+sentinel://\" and \"unix:\"");
}

std::string shown(const RedisUrl &url)
{
    std::string text;

    if (!url.unix_path.empty()) {
        text = std::string(unix_scheme) + percent_encoded(url.unix_path);

        return url.database == 0
            ? text : text + "?db=" + std::to_string(url.database);
    }

    text = !url.master.empty() ? sentinel_scheme
         : url.tls             ? tls_scheme
                               : plain_scheme;

    for (std::size_t i = 0; i < url.addresses.size(); ++i) {
        text += i != 0 ? "," : "";
        text += shown(url.addresses[i]);
    }

    if (!url.master.empty()) {
        text += '/' + url.master;
    }

    return text + '/' + std::to_string(url.database);
}

bool parse_moved(std::string_view error, RedisAddress &address)
{
    constexpr std::string_view word = "MOVED ";
    unsigned slot = 0;

    if (!starts_with(error, word)) {
        return false;
    }

    error.remove_prefix(word.size());

    std::size_t space = error.find(' ');
    std::size_t colon = error.rfind(':');

    if (space == error.npos || colon == error.npos || colon < space
        || !read_number(error.substr(0, space), slot) || slot > 16383)
    {
        return false;
    }

    std::string_view host = error.substr(space + 1, colon - space - 1);
    std::uint16_t port = 0;

    // Redis itself writes no brackets.
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }

    if ((!host.empty() && !is_host(host) && !is_ipv6(host))
        || !read_port(error.substr(colon + 1), port))
    {
        return false;
    }

    address.host = host;
    address.port = port;

    return true;
}

}
