// Any bytes as a key file: an account is whole and fit to be sent, and an
// error shows nothing of the file beyond its type.
#include "core/account/assertion.hpp"
#include "core/account/key_file.hpp"
#include "core/base/text.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

void require_plain(std::string_view text)
{
    for (char c : text) {
        require(c > ' ' && c < 0x7f);
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(bytes), size);
    auto read = gw::account::read_key_file(text);

    if (!read) {
        require(!read.error().message.empty()
                && read.error().message.size() < 300);
        require(gw::valid_utf8(read.error().message));
        return 0;
    }

    require(!read->client_email.empty() && !read->token_uri.empty()
            && read->private_key != nullptr);
    require_plain(read->client_email);
    require_plain(read->token_uri);
    require_plain(read->private_key_id);
    require(read->project_id.empty()
            || gw::account::is_cloud_project(read->project_id));
    require(gw::starts_with(read->token_uri, "https://")
            || gw::starts_with(read->token_uri, "http://"));

    std::string assertion = gw::account::sign_assertion(read.value(), "s",
        1768507200000);
    require(!assertion.empty());
    require_plain(assertion);

    return 0;
}
