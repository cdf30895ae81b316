// Files of limits: what is read is what a tree of the same text says, and what
// is refused leaves nothing.
#include "core/base/arena.hpp"
#include "core/base/text.hpp"
#include "core/json/tree.hpp"
#include "core/keys/quota.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string_view>

namespace {

using namespace gw;

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

std::int64_t limit_in(const json::Node &model, std::string_view name,
    std::string_view other)
{
    for (std::string_view each : { name, other }) {
        const json::Node *node = model.find(each);

        if (node != nullptr && node->type != json::Type::null) {
            auto number = json::Number{node->string.raw}.integer();
            require(node->type == json::Type::number && number
                    && *number > 0);
            return *number;
        }
    }

    return 0;
}

void compare(std::string_view text, const keys::QuotaRules &rules)
{
    Arena arena(std::pmr::new_delete_resource());
    const json::Node *root = json::parse_tree(text, arena);
    require((root->size == 0) == rules.empty());

    for (const json::Node *model = root->first; model != nullptr;
         model = model->next)
    {
        std::string_view name = model->key.decode(arena);

        if (name.find_first_of("*?") != std::string_view::npos) {
            continue;
        }

        // What the file leaves open a glob of it may give.
        keys::Limits limits = rules.of(name);
        std::int64_t written[] = {
            limit_in(*model, "rpm", "rpm"), limit_in(*model, "rpd", "rpd"),
            limit_in(*model, "tpm", "tpm_input"),
            limit_in(*model, "tpd", "tpd_input")
        };
        std::int64_t read[] = {
            limits.rpm, limits.rpd, limits.tpm, limits.tpd
        };

        for (std::size_t i = 0; i < keys::quantities; ++i) {
            require(read[i] >= 0);
            require(written[i] == 0 || read[i] == written[i]);
        }
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(data), size);
    keys::QuotaRules rules;
    auto read = keys::read_limits(text, rules);

    if (read) {
        compare(text, rules);

    } else {
        require(rules.empty());
        require(!read.error().message.empty());
        require(valid_utf8(read.error().message));
    }

    return 0;
}
