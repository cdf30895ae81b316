// Every step is of constant time: a request may hold thousands of calls.
#include "core/translate/calls.hpp"

namespace gw::translate {

void Calls::begin_turn()
{
    ++turn_;
    all_ = Queue{};
    first_ = last_ = nullptr;
}

void Calls::enqueue(Queues &queues, std::string_view key, Call &call,
    Call *Call::*next)
{
    Queue &queue = queues[key];

    if (queue.turn != turn_) {
        queue = Queue{turn_, nullptr, nullptr};
    }

    if (queue.last != nullptr) {
        queue.last->*next = &call;
    }

    queue.last = &call;

    if (queue.waiting == nullptr) {
        queue.waiting = &call;
    }
}

Call &Calls::add(std::string_view id, std::string_view name)
{
    Call &call = *arena_.make<Call>();

    if (last_ != nullptr) {
        last_->next = &call;
    } else {
        first_ = &call;
    }

    last_ = &call;

    if (all_.waiting == nullptr) {
        all_.waiting = &call;
    }

    all_.last = &call;

    if (!id.empty()) {
        enqueue(by_id_, id, call, &Call::next_of_id);
    }

    enqueue(by_name_, name, call, &Call::next_of_name);

    return call;
}

/// The first without a result; the last one when there is none.
Call *Calls::take(Queue &queue, Call *Call::*next)
{
    while (queue.waiting != nullptr && queue.waiting->answered) {
        queue.waiting = queue.waiting->*next;
    }

    return queue.waiting != nullptr ? queue.waiting : queue.last;
}

Call *Calls::find(std::string_view id, std::string_view name)
{
    if (!id.empty()) {
        auto found = by_id_.find(id);

        if (found != by_id_.end()) {
            return take(found->second, &Call::next_of_id);
        }
    }

    if (!name.empty()) {
        auto found = by_name_.find(name);

        if (found != by_name_.end() && found->second.turn == turn_) {
            return take(found->second, &Call::next_of_name);
        }
    }

    if (!id.empty() || !name.empty()) {
        return nullptr;
    }

    return take(all_, &Call::next);
}

}
