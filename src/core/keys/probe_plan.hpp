// Which key is asked when: rounds over all keys, spread over an interval, and
// questions put once more to those that were refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

namespace gw::keys {

class ProbePlan {
public:
    /// A key that was refused is asked again so much later, or after the
    /// interval if that is shorter, until it is known what it is.
    static constexpr std::int64_t doubt_ms = 5000;

    ProbePlan(std::int64_t interval_ms, unsigned fails)
        : interval_ms_(interval_ms), fails_(fails)
    {
    }

    /// A round is over when its interval is, and all of it has been asked.
    bool round_over(std::int64_t now_ms) const
    {
        return queue_.empty() && now_ms >= next_round_ms_;
    }

    /// ids: of the keys, those first that are to be asked first. Each has a
    /// moment of its own in the interval, random within its share; at_once:
    /// all are due now. random: fresh random bits.
    void begin_round(const std::vector<std::uint64_t> &ids, bool at_once,
        std::uint64_t random, std::int64_t now_ms);

    /// A key that is due, which then counts as asked; nullopt: none is.
    std::optional<std::uint64_t> take_due(std::int64_t now_ms);

    /// What upstream said of it. It was refused once more: true when that was
    /// often enough in a row to take it out.
    bool refused(std::uint64_t id, std::int64_t now_ms);
    void lives(std::uint64_t id);
    /// Nothing is known of it; a key in doubt is asked again as well.
    void unclear(std::uint64_t id, std::int64_t now_ms);

private:
    struct Question {
        std::uint64_t id;
        std::int64_t due_ms;
    };

    void ask_again(std::uint64_t id, std::int64_t now_ms);

    std::int64_t interval_ms_;
    unsigned fails_;
    std::int64_t next_round_ms_ = 0;
    std::deque<Question> queue_;        // of the round, in order
    std::deque<Question> doubts_;       // in order
    std::unordered_map<std::uint64_t, unsigned> refusals_;     // in a row
};

}
