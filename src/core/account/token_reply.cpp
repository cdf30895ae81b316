#include "core/account/token_reply.hpp"

#include "core/account/secret_memory.hpp"
#include "core/base/text.hpp"
#include "core/json/reader.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace gw::account {

namespace {

constexpr std::int64_t usual_lifetime_s = 3600;
constexpr std::int64_t longest_lifetime_s = longest_lifetime_ms / 1000;

struct Reply {
    json::String access_token;
    std::optional<json::String> expires_in;     // as text
    json::String error;
    json::String error_description;
};

/// A number, or one in quotes.
constexpr json::Field expires_in_field()
{
    json::Field field;
    field.name = "expires_in";
    field.expected = "a number";
    field.takes_number = true;
    field.takes_string = true;
    field.scalar = [](json::Reader &, void *object,
                       const json::Scalar &value) {
        static_cast<Reply *>(object)->expires_in = value.string;
    };
    return field;
}

constexpr json::Field reply_fields[] = {
    json::string<&Reply::access_token>("access_token"),
    expires_in_field(),
    json::string<&Reply::error>("error"),
    json::string<&Reply::error_description>("error_description"),
};
constexpr json::Shape reply_shape{reply_fields};

/// 0: it holds no longer, or nobody can tell how long.
std::int64_t lifetime_of(const Reply &reply)
{
    if (!reply.expires_in) {
        return usual_lifetime_s;
    }

    std::string_view text = reply.expires_in->raw;
    text = text.substr(0, text.find('.'));

    std::int64_t seconds = 0;
    auto [end, failed] = std::from_chars(text.data(),
        text.data() + text.size(), seconds);

    if (failed == std::errc::result_out_of_range) {
        return text[0] == '-' ? 0 : longest_lifetime_s;
    }

    if (failed != std::errc() || end != text.data() + text.size()) {
        return 0;
    }

    return std::clamp<std::int64_t>(seconds, 0, longest_lifetime_s);
}

bool holds(std::string_view text, std::string_view part)
{
    auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    };

    return std::search(text.begin(), text.end(), part.begin(), part.end(),
               [lower](char a, char b) { return lower(a) == b; })
           != text.end();
}

/// invalid_grant has many reasons, which only the description tells apart.
Cause cause_of_grant(std::string_view description)
{
    struct Sign {
        std::string_view words;
        Cause cause;
    };

    for (const Sign &sign : {
             Sign{"signature", Cause::wrong_key},
             Sign{"timeframe", Cause::clock},
             Sign{"iat ", Cause::clock},
             Sign{"in the future", Cause::clock},
             Sign{"clock", Cause::clock},
             Sign{"not found", Cause::account_gone},
             Sign{"disabled", Cause::account_gone},
             Sign{"deleted", Cause::account_gone},
             Sign{"revoked", Cause::account_gone},
             Sign{"not a valid email", Cause::account_gone},
             Sign{"no valid verifier", Cause::account_gone} })
    {
        if (holds(description, sign.words)) {
            return sign.cause;
        }
    }

    return Cause::other;
}

Cause cause_of(int status, std::string_view error,
    std::string_view description)
{
    bool passing = status >= 500 || status == 429 || status == 408
                   || error == "temporarily_unavailable"
                   || error == "server_error" || error == "internal_failure";

    // A 2xx or 3xx without a token comes from somebody on the way.
    if (passing || (error.empty() && status < 400)) {
        return Cause::endpoint;
    }

    if (error == "invalid_grant") {
        return cause_of_grant(description);
    }

    if (error == "invalid_scope") {
        return Cause::scope;
    }

    if (error == "disabled_client" || error == "deleted_client") {
        return Cause::account_gone;
    }

    return error == "unauthorized_client" || error == "invalid_client"
               || error == "access_denied"
        ? Cause::not_allowed : Cause::other;
}

/// "invalid_grant: Invalid JWT Signature."
std::string problem_of(int status, std::string_view error,
    std::string_view description)
{
    std::string text;

    // Of OAuth's errors the status says no more than their names.
    if (status >= 500 || (error.empty() && status >= 300)) {
        text = "HTTP " + std::to_string(status);
    } else if (error.empty()) {
        text = "an answer without a token";
    }

    for (std::string_view more : { error, description }) {
        if (!more.empty()) {
            text += text.empty() ? "" : ": ";
            text += more;
        }
    }

    return scrub(text, {}, max_problem);
}

}

bool is_token(std::string_view text)
{
    return !text.empty() && text.size() <= max_token
           && std::all_of(text.begin(), text.end(),
                  [](char c) { return c > ' ' && c < 0x7f; });
}

std::string_view hint_of(Cause cause)
{
    switch (cause) {

    case Cause::clock:
        return "the clock of this host is wrong, or that of the token "
               "endpoint";

    case Cause::wrong_key:
        return "the account does not have this key (any more): a new key "
               "file is needed";

    case Cause::account_gone:
        return "the account does not exist or is disabled";

    case Cause::scope:
        return "\"scope=\" is not one of Google's";

    case Cause::not_allowed:
        return "the account may not have tokens of this scope";

    case Cause::none:
    case Cause::unreachable:
    case Cause::endpoint:
    case Cause::other:
    case Cause::causes:
        break;
    }

    return {};
}

TokenReply read_token_reply(int http_status, std::string_view body)
{
    SecretMemory memory;
    Arena arena(&memory);
    Reply reply;
    TokenReply result;

    bool read = body.size() <= max_token_answer
                && json::read(body, reply_shape, reply, arena,
                       json::Strictness::lenient);

    if (!read) {
        reply = Reply();
    }

    std::string_view token = reply.access_token.decode(arena);
    std::int64_t lifetime_s = lifetime_of(reply);

    if (http_status == 200 && is_token(token) && lifetime_s != 0) {
        result.token = token;
        result.lifetime_ms = lifetime_s * 1000;
        return result;
    }

    std::string_view error = reply.error.decode(arena);
    std::string_view description = reply.error_description.decode(arena);

    result.cause = cause_of(http_status, error, description);
    result.problem = problem_of(http_status, error, description);

    return result;
}

}
