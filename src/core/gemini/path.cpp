// The request URIs of what our own fronts ask.
#include "core/gemini/path.hpp"

#include "core/gemini/embed_request.hpp"
#include "core/gemini/vertex_path.hpp"

#include <cstddef>

namespace gw::gemini {

namespace {

constexpr std::string_view version = "/v1beta/";

// RFC 3986 section 2.3.
bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
           || c == '~';
}

void append_model(Output &out, const Place &place, std::string_view model)
{
    if (place.api == Api::vertex) {
        write_vertex_model(vertex_version, place, model, out);
        return;
    }

    out.append(version);

    if (model.find('/') == std::string_view::npos) {
        out.append("models/");
    }

    // What valid_model() lets through stands in a path as it is.
    out.append(model);
}

}

void append_encoded(Output &out, std::string_view text)
{
    constexpr std::string_view digits = "0123456789ABCDEF";

    for (char c : text) {
        if (is_unreserved(c)) {
            out.append(c);
            continue;
        }

        auto byte = static_cast<unsigned char>(c);
        out.append('%');
        out.append(digits[byte >> 4]);
        out.append(digits[byte & 15]);
    }
}

void write_generate_path(std::string_view model, const Place &place,
    bool stream, Output &out)
{
    append_model(out, place, model);
    out.append(stream ? std::string_view(":streamGenerateContent?alt=sse")
                      : std::string_view(":generateContent"));
}

void write_embed_path(std::string_view model, const Place &place, Output &out)
{
    append_model(out, place, model);

    switch (embed_call(model, place.api)) {

    case EmbedCall::batch:
        out.append(":batchEmbedContents");
        break;

    case EmbedCall::single:
        out.append(":embedContent");
        break;

    case EmbedCall::predict:
        out.append(":predict");
        break;
    }
}

void write_models_path(Api api, std::string_view page_token, Output &out)
{
    // The default page is 50, which would lose models.
    if (api == Api::vertex) {
        out.append('/');
        out.append(vertex_beta_version);
        out.append("/publishers/google/models?pageSize=100");

    } else {
        out.append(version);
        out.append("models?pageSize=1000");
    }

    if (!page_token.empty()) {
        out.append("&pageToken=");
        append_encoded(out, page_token);
    }
}

}
