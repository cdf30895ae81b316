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

    /// find() of this id follows.
    void prefetch(std::uint64_t id) const { __builtin_prefetch(&at(id, 0)); }

    /// The cell of this id, or a free one made its own, or one whose rest
    /// ended, or was reset, more than repeat_within_ms ago, when it no longer
    /// means anything. nullptr: all in reach are needed.
    Cell *claim(std::uint64_t id, std::int64_t now_ms);

    Cell *begin() const { return cells_; }
    Cell *end() const { return cells_ + capacity_; }

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

    /// The same of a name that may be invented: such names together take at
    /// most half of the table.
    std::uint64_t remember_unproven(std::string_view model);

    /// The same of one that is there; 0: it is not.
    std::uint64_t find(std::string_view model) const;

    /// Empty: none, or a worker died while it wrote it.
    std::string name_at(std::uint64_t index_plus_one) const;

private:
    ModelName *names_ = nullptr;
    std::size_t capacity_ = 0;
};

}
