// Bodies of clients and of upstream, whatever they hold: what is taken for a
// name can stand in a path, and an item is a slice of its page.
#include "core/base/text.hpp"
#include "core/gemini/resource_names.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace gw;

void require(bool condition)
{
    if (!condition) {
        __builtin_trap();
    }
}

void check_name(std::string_view name)
{
    require(starts_with(name, "files/")
            || starts_with(name, "cachedContents/"));
    require(name.find_first_of(" ?#%:\r\n\"\\") == std::string_view::npos);
    require(name.find('/') == name.rfind('/'));
    require(name.size() <= gemini::max_name + 32);
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(data), size);
    auto *memory = std::pmr::new_delete_resource();

    auto always = gemini::names_in_request(text, gemini::Look::always,
        memory);
    auto at_need = gemini::names_in_request(text, gemini::Look::at_need,
        memory);

    require(at_need.names.size() <= always.names.size());
    require(always.names.size() <= gemini::max_names);

    for (const std::string &name : always.names) {
        check_name(name);
    }

    for (const gemini::Shown &shown : gemini::names_in_answer(text, memory)) {
        require(!shown.name.empty() && shown.name.size() <= gemini::max_name);
        require(shown.expires_ms >= -24 * 3600 * 1000);
    }

    if (auto page = gemini::read_page(text, memory)) {
        const char *end = text.data();

        for (std::string_view item : page->items) {
            require(item.data() >= end
                    && item.data() + item.size()
                       <= text.data() + text.size());
            require(item.front() == '{' && item.back() == '}');
            end = item.data() + item.size();
        }
    }

    std::string_view name = gemini::file_name_in(text);
    require(name.empty() || text.find(name) != std::string_view::npos);

    return 0;
}
