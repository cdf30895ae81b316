// The two tables of a pool's shared memory that are found by hash: cells, and
// the names of models. Open addressing; a place once used is never free
// again, only taken over, so that a search may stop at the first free one.
#pragma once

#include "core/keys/record.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw::keys {

/// What rests per (owner, model). An owner is a credential or a project.
class CellTable {
public:
    /// How far from its own place a cell may lie.
    static constexpr std::size_t reach = 32;

    CellTable() = default;
    /// capacity: a power of two.
    CellTable(Cell *cells, std::size_t capacity)
        : cells_(cells), capacity_(capacity)
    {
    }

    /// Never zero.
    static std::uint64_t id_of(std::uint64_t owner, std::uint64_t model_hash);

    /// nullptr: there is none.
    Cell *find(std::uint64_t id) const;

    /// The cell of this id, or a free one made its own, or one whose rest
    /// ended more than repeat_within_ms ago, when it no longer means
    /// anything. nullptr: all in reach are needed.
    Cell *claim(std::uint64_t id, std::int64_t now_ms);

    const Cell *begin() const { return cells_; }
    const Cell *end() const { return cells_ + capacity_; }

private:
    Cell &at(std::uint64_t id, std::size_t distance) const
    {
        return cells_[(static_cast<std::size_t>(id) + distance)
                      & (capacity_ - 1)];
    }

    Cell *cells_ = nullptr;
    std::size_t capacity_ = 0;
};

/// Names are for people: a model that finds no room rests all the same.
class ModelTable {
public:
    ModelTable() = default;
    ModelTable(ModelName *names, std::size_t capacity)
        : names_(names), capacity_(capacity)
    {
    }

    /// Its index + 1, as Cell::model holds it; 0: no room, or no name. A
    /// long name is kept as its first ModelName::max_length bytes.
    std::uint64_t remember(std::string_view model);

    /// Empty: none, or a worker died while it wrote it.
    std::string name_at(std::uint64_t index_plus_one) const;

private:
    ModelName *names_ = nullptr;
    std::size_t capacity_ = 0;
};

}
