#include "core/gemini/upload.hpp"

#include "core/base/output.hpp"
#include "core/base/text.hpp"
#include "core/gemini/native_route.hpp"

#include <cstddef>

namespace gw::gemini {

namespace {

constexpr std::size_t max_id = 1024;

/// One of the words of a list, "upload, finalize".
bool has_word(std::string_view list, std::string_view word)
{
    while (!list.empty()) {
        std::string_view one = list.substr(0, list.find(','));

        if (iequals(trim(one), word)) {
            return true;
        }

        list.remove_prefix(one.size() < list.size() ? one.size() + 1
                                                    : list.size());
    }

    return false;
}

}

UploadStep upload_step(std::string_view method, std::string_view command,
    std::string_view protocol, std::string_view query)
{
    if (!command.empty()) {
        return has_word(command, "upload") ? UploadStep::data
            : has_word(command, "start") ? UploadStep::start
                                         : UploadStep::other;
    }

    // Without commands: everything at once, or the protocol of before.
    std::string type = argument_of(query, "uploadType");

    if (method == "PUT" || iequals(protocol, "multipart")
        || iequals(protocol, "raw") || type == "multipart" || type == "media"
        || !upload_id_of(query).empty())
    {
        return UploadStep::data;
    }

    return UploadStep::start;
}

std::string upload_id_of(std::string_view query)
{
    std::string id = argument_of(query, "upload_id");

    return id.size() <= max_id ? id : std::string();
}

std::string upload_name(std::string_view id)
{
    return id.empty() ? std::string() : "upload/" + std::string(id);
}

std::string upload_url(std::string_view url, std::string_view here)
{
    if (!starts_with(url, "https://") && !starts_with(url, "http://")) {
        return {};
    }

    StringOutput out;
    std::size_t query = url.find('?');

    out.append(here);

    if (query != std::string_view::npos) {
        write_native_query(url.substr(query + 1), out);
    }

    return out.take();
}

}
