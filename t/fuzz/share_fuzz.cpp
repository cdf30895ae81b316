// What other hosts send. Whatever can be read is written in one way only, on
// one line, and reads as the same again.
#include "core/share/codec.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace gw;
using namespace gw::share;

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

void same(const Entry &entry, std::string_view field, std::string_view value)
{
    require(entry.field == field && entry.value == value);
}

void check_item(const Item &item, std::int64_t offset_ms)
{
    if (auto rest = read_rest(item.field, item.value, offset_ms)) {
        same(write_rest(*rest, offset_ms), item.field, item.value);
        require(rest->model.size() <= keys::ModelName::max_length);
    }

    if (auto limit = read_limit(item.field, item.value, offset_ms)) {
        same(write_limit(*limit, offset_ms), item.field, item.value);
        require(limit->value > 0);
    }

    if (auto resource = read_resource(item.field, item.value, offset_ms)) {
        same(write_resource(*resource, offset_ms), item.field, item.value);
        require(resource->id != 0);
    }

    if (auto total = read_total(item.field, item.value)) {
        same(write_total(*total), item.field, item.value);
        require(total->requests >= 0 && total->tokens >= 0);
    }

    if (auto key = read_key(item.field, item.value, offset_ms)) {
        same(write_key(key->change, key->sealed, offset_ms), item.field,
            item.value);
        require(key->change.secret.empty() && key->change.id != 0);
    }

    std::uint64_t owner = 0;
    std::string model;

    if (read_use_field(item.field, owner, model)) {
        require(use_field(owner, model) == item.field);
    }

    if (auto id = read_id(item.field)) {
        require(hex_id(*id) == item.field);
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(bytes), size);
    std::uint64_t host = 0;
    std::vector<Item> items;

    if (!read_message(text, host, items)) {
        return 0;
    }

    // The sender's id is as good a clock offset as any.
    auto offset_ms = static_cast<std::int64_t>(host);
    Message message(host);

    for (const Item &item : items) {
        check_item(item, 0);
        check_item(item, offset_ms);
        message.add(item.kind, item.field, item.value);
    }

    std::uint64_t again = 0;
    std::vector<Item> same_items;
    require(read_message(message.text(), again, same_items));
    require(again == host && same_items.size() == items.size());

    for (std::size_t i = 0; i < items.size(); ++i) {
        require(same_items[i].kind == items[i].kind);
        require(same_items[i].field == items[i].field);
        require(same_items[i].value == items[i].value);
    }

    return 0;
}
