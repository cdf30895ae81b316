// A list whose nodes live in an arena: the form of every "many" in the wire
// types, which own nothing and need no destructor.
#pragma once

#include "core/base/arena.hpp"

#include <cstddef>

namespace gw {

/// Appending never moves an element, so a parser may keep a pointer to the
/// last one while it fills it. Copying the list copies the handle, not the
/// elements.
template <typename T>
class List {
    struct Node {
        T value;
        Node *next;
    };

public:
    template <typename N, typename V>
    class Cursor {
    public:
        explicit Cursor(N *node) : node_(node) {}

        V &operator*() const { return node_->value; }
        V *operator->() const { return &node_->value; }

        Cursor &operator++()
        {
            node_ = node_->next;
            return *this;
        }

        bool operator!=(const Cursor &other) const
        {
            return node_ != other.node_;
        }

        bool operator==(const Cursor &other) const
        {
            return node_ == other.node_;
        }

    private:
        N *node_;
    };

    T &push(Arena &arena, const T &value = T{})
    {
        auto *node = new (arena.allocate(sizeof(Node), alignof(Node)))
            Node{value, nullptr};

        if (tail_ == nullptr) {
            head_ = node;
        } else {
            tail_->next = node;
        }

        tail_ = node;
        ++size_;

        return node->value;
    }

    /// Appends all of other by copy.
    void append(Arena &arena, const List &other)
    {
        for (const T &value : other) {
            push(arena, value);
        }
    }

    void clear() { *this = List{}; }

    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }

    T &front() { return head_->value; }
    const T &front() const { return head_->value; }
    T &back() { return tail_->value; }
    const T &back() const { return tail_->value; }

    auto begin() { return Cursor<Node, T>(head_); }
    auto end() { return Cursor<Node, T>(nullptr); }
    auto begin() const { return Cursor<const Node, const T>(head_); }
    auto end() const { return Cursor<const Node, const T>(nullptr); }

private:
    Node *head_ = nullptr;
    Node *tail_ = nullptr;
    std::size_t size_ = 0;
};

}
