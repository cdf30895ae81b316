// Which result belongs to which call. Clients answer in any order, twice, late
// or not at all, and upstream wants one result for each call of a turn, in
// order. Source: reference/chat-request.md section 5.4.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/list.hpp"
#include "core/gemini/generate_request.hpp"

#include <cstddef>
#include <string_view>
#include <unordered_map>

namespace gw::translate {

/// A call of the conversation, and what came back.
struct Call {
    gemini::FunctionCall *call = nullptr;
    bool answered = false;
    json::Raw response;
    List<gemini::Blob> blobs;           // go into the response
    List<gemini::Part> beside;          // go behind the responses
    /// Where the response was written; null: the turn is still open.
    gemini::Content *results = nullptr;
    gemini::FunctionResponse *written = nullptr;

    Call *next = nullptr;               // of the turn
    Call *next_of_id = nullptr;         // of the turn
    Call *next_of_name = nullptr;
};

class Calls {
public:
    explicit Calls(Arena &arena) : arena_(arena) {}

    /// A new turn begins; the calls of earlier ones can still be found by
    /// their ids.
    void begin_turn();

    /// Both decoded, and outliving this.
    Call &add(std::string_view id, std::string_view name);

    /// The call a result is for: by its id the latest one, of several in one
    /// turn the first without a result; else by its name, or where it has
    /// neither simply the first of this turn without a result. null: none.
    Call *find(std::string_view id, std::string_view name);

    /// The turn's calls, linked by next.
    Call *first() const { return first_; }

private:
    /// The calls of one id or one name in one turn.
    struct Queue {
        std::size_t turn = 0;
        Call *waiting = nullptr;        // before it all are answered
        Call *last = nullptr;
    };

    using Queues = std::unordered_map<std::string_view, Queue>;

    void enqueue(Queues &queues, std::string_view key, Call &call,
        Call *Call::*next);
    Call *take(Queue &queue, Call *Call::*next);

    Arena &arena_;
    Queues by_id_;
    Queues by_name_;
    Queue all_;
    std::size_t turn_ = 0;
    Call *first_ = nullptr;
    Call *last_ = nullptr;
};

}
