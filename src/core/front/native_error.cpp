#include "core/front/native_error.hpp"

#include "core/front/front.hpp"
#include "core/gemini/error_form.hpp"
#include "core/openai/error.hpp"

#include <cstddef>
#include <string>

namespace gw::front {

namespace {

constexpr int too_many_requests = 429;

/// How Google writes a secret's characters in JSON.
std::string escaped(std::string_view secret)
{
    std::string text;

    for (char c : secret) {
        switch (c) {
        case '=': text += "\\u003d"; break;
        case '&': text += "\\u0026"; break;
        case '<': text += "\\u003c"; break;
        case '>': text += "\\u003e"; break;
        case '\'': text += "\\u0027"; break;
        default: text += c;
        }
    }

    return text;
}

void replace_all(std::string &text, std::string_view what)
{
    constexpr std::string_view redacted = "[redacted]";
    std::size_t at = 0;

    while (!what.empty() && (at = text.find(what, at)) != std::string::npos)
    {
        text.replace(at, what.size(), redacted);
        at += redacted.size();
    }
}

/// Whether upstream's words may stand for what the client is to be told. What
/// is wrong with our credentials is not the client's, and when every key has
/// reached its quota only a 429 says so.
bool speaks_for(const gemini::UpstreamError &reason, const Error &error)
{
    if (!reason.json || reason.code < 400
        || error.kind == ErrorKind::credentials_failed)
    {
        return false;
    }

    return openai::status_of(error.kind) != too_many_requests
           || reason.code == too_many_requests;
}

}

void append_hidden(std::string_view text, std::string_view secret,
    Output &out)
{
    std::string shown(text);

    replace_all(shown, secret);
    replace_all(shown, escaped(secret));
    out.append(shown);
}

int write_native_error(const Error &error,
    const gemini::UpstreamError *reason, std::string_view body,
    std::string_view secret, Output &out)
{
    if (reason != nullptr && speaks_for(*reason, error)
        && is_complete(body))
    {
        append_hidden(body, secret, out);
        return reason->code;
    }

    int status = openai::status_of(error.kind);
    gemini::write_error(error, status, out);

    return status;
}

}
