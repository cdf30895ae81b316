#include "nginx/authorization.hpp"

#include "core/keys/wipe.hpp"
#include "nginx/upstream.hpp"

#include <utility>

namespace gw::ngx {

void write_authorization(const keys::Credential &credential,
    std::string_view secret, Output &out)
{
    if (!credential.account) {
        out.append("\r\nx-goog-api-key: ");
        out.append(secret);
        return;
    }

    out.append("\r\nAuthorization: Bearer ");
    out.append(secret);

    // Without it Gemini's API charges the project of whoever made the client
    // that tokens are asked for with, which a service account has not.
    if (credential.api == gemini::Api::gemini
        && !credential.cloud_project.empty())
    {
        out.append("\r\nx-goog-user-project: ");
        out.append(credential.cloud_project);
    }
}

void write_authorization(RequestContext *ctx, Output &out)
{
    const keys::Credential &credential = credential_of(ctx);

    if (credential.account) {
        keys::wipe(ctx->token.text);
        ctx->token = ctx->pool().token_of(ctx->tries.credential).value_or(
            keys::Token());
    }

    ctx->front->hide(sent_secret(ctx));
    write_authorization(credential, sent_secret(ctx), out);
}

std::string_view sent_secret(RequestContext *ctx)
{
    const keys::Credential &credential = credential_of(ctx);

    return credential.account ? std::string_view(ctx->token.text)
                              : std::string_view(credential.secret);
}

}
