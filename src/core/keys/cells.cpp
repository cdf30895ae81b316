// Claims by compare-and-swap on the id. Who loses looks again, because the
// winner may have wanted the same id.
#include "core/keys/cells.hpp"

#include "core/base/text.hpp"
#include "core/keys/cooldown.hpp"
#include "core/keys/mix.hpp"

#include <algorithm>
#include <cstring>

namespace gw::keys {

namespace {

/// A cell's words, as they were when somebody decided to take it over.
struct Former {
    std::uint64_t id = 0;
    std::uint64_t rest = 0;
    std::uint64_t when_ms = 0;
};

bool meaningless(const Former &former, std::int64_t now_ms)
{
    std::int64_t last_ms = std::max(unpack(former.rest).until_ms,
        static_cast<std::int64_t>(former.when_ms));

    return last_ms < now_ms - repeat_within_ms;
}

std::string_view cut(std::string_view model)
{
    return model.substr(0, ModelName::max_length);
}

/// Two workers may write the same name at the same time: the same bytes.
void write_name(ModelName &place, std::string_view name)
{
    for (std::size_t i = 0; i <= ModelName::max_length; ++i) {
        char c = i < name.size() ? name[i] : '\0';
        __atomic_store_n(&place.name[i], c, __ATOMIC_RELAXED);
    }
}

std::string read_name(const ModelName &place)
{
    char name[ModelName::max_length + 1];

    for (std::size_t i = 0; i <= ModelName::max_length; ++i) {
        name[i] = __atomic_load_n(&place.name[i], __ATOMIC_RELAXED);
    }

    return std::string(name, strnlen(name, ModelName::max_length));
}

bool is_name(const ModelName &place, std::string_view name)
{
    for (std::size_t i = 0; i <= name.size(); ++i) {
        char c = __atomic_load_n(&place.name[i], __ATOMIC_RELAXED);

        if (c != (i < name.size() ? name[i] : '\0')) {
            return false;
        }
    }

    return true;
}

std::uint64_t id_of_name(std::string_view name)
{
    std::uint64_t id = hash64(name);

    return id != 0 ? id : 1;
}

}

std::uint64_t CellTable::id_of(std::uint64_t owner, std::uint64_t model_hash)
{
    std::uint64_t id = mix(owner ^ mix(model_hash + 0x9e3779b97f4a7c15u));

    return id != 0 ? id : 1;
}

Cell *CellTable::find(std::uint64_t id) const
{
    std::size_t steps = std::min(reach, capacity_);

    for (std::size_t i = 0; i < steps; ++i) {
        Cell &cell = at(id, i);
        std::uint64_t holder = cell.id.load(std::memory_order_acquire);

        if (holder == id) {
            return &cell;
        }

        if (holder == 0) {
            return nullptr;
        }
    }

    return nullptr;
}

Cell *CellTable::claim(std::uint64_t id, std::int64_t now_ms)
{
    std::size_t steps = std::min(reach, capacity_);

    for ( ;; ) {
        Cell *place = nullptr;
        Former former;

        for (std::size_t i = 0; i < steps; ++i) {
            Cell &cell = at(id, i);
            Former seen;
            seen.id = cell.id.load(std::memory_order_acquire);

            if (seen.id == id) {
                return &cell;
            }

            if (seen.id == 0) {
                place = &cell;
                former = seen;
                break;
            }

            seen.rest = cell.rest.load();
            seen.when_ms = cell.rest_when_ms.load();

            if (place == nullptr && meaningless(seen, now_ms)) {
                place = &cell;
                former = seen;
            }
        }

        if (place == nullptr) {
            return nullptr;
        }

        if (place->id.compare_exchange_strong(former.id, id)) {
            // Only what the former owner left: whoever has found the cell by
            // its new id in the meantime keeps his.
            place->rest.compare_exchange_strong(former.rest, 0);
            place->rest_when_ms.compare_exchange_strong(former.when_ms, 0);

            // Should two workers have claimed two places, both go on with
            // the nearer one; the other is taken over some day.
            Cell *cell = find(id);

            if (cell != nullptr) {
                return cell;
            }
        }
    }
}

std::uint64_t ModelTable::remember(std::string_view model)
{
    std::string_view name = cut(model);

    if (name.empty() || capacity_ == 0) {
        return 0;
    }

    std::uint64_t id = id_of_name(name);

    for (std::size_t i = 0; i < capacity_; ++i) {
        std::size_t index = (static_cast<std::size_t>(id) + i) % capacity_;
        ModelName &place = names_[index];
        std::uint64_t holder = 0;

        if (place.id.compare_exchange_strong(holder, id) || holder == id) {

            if (!is_name(place, name)) {
                write_name(place, name);
            }

            return index + 1;
        }
    }

    return 0;
}

std::uint64_t ModelTable::remember_unproven(std::string_view model)
{
    if (std::uint64_t known = find(model)) {
        return known;
    }

    std::size_t used = 0;

    for (std::size_t i = 0; i < capacity_; ++i) {
        used += names_[i].id.load(std::memory_order_relaxed) != 0 ? 1 : 0;
    }

    return used < capacity_ / 2 ? remember(model) : 0;
}

std::uint64_t ModelTable::find(std::string_view model) const
{
    std::string_view name = cut(model);
    std::uint64_t id = id_of_name(name);

    for (std::size_t i = 0; i < capacity_ && !name.empty(); ++i) {
        std::size_t index = (static_cast<std::size_t>(id) + i) % capacity_;
        std::uint64_t holder = names_[index].id.load();

        if (holder == id || holder == 0) {
            return holder == id ? index + 1 : 0;
        }
    }

    return 0;
}

std::string ModelTable::name_at(std::uint64_t index_plus_one) const
{
    if (index_plus_one == 0 || index_plus_one > capacity_) {
        return {};
    }

    const ModelName &place = names_[index_plus_one - 1];
    std::string name = read_name(place);

    return id_of_name(name) == place.id.load() ? name : std::string();
}

}
