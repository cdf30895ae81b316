#include "core/keys/probe_plan.hpp"

#include "core/keys/mix.hpp"

#include <algorithm>

namespace gw::keys {

void ProbePlan::begin_round(const std::vector<std::uint64_t> &ids,
    bool at_once, std::uint64_t random, std::int64_t now_ms)
{
    queue_.clear();
    next_round_ms_ = now_ms + interval_ms_;

    auto count = static_cast<std::int64_t>(ids.size());
    std::int64_t share = interval_ms_ / std::max<std::int64_t>(count, 1);

    for (std::int64_t i = 0; i < count; ++i) {
        std::uint64_t id = ids[static_cast<std::size_t>(i)];
        std::int64_t due = now_ms;

        if (!at_once) {
            std::uint64_t jitter = mix(random + static_cast<std::uint64_t>(i));

            due += interval_ms_ * i / count;
            due += static_cast<std::int64_t>(
                jitter % (static_cast<std::uint64_t>(share) + 1));
        }

        queue_.push_back({ id, due });
    }

    // Keys that are gone need not be remembered.
    for (auto each = refusals_.begin(); each != refusals_.end();) {
        bool there = std::find(ids.begin(), ids.end(), each->first)
                     != ids.end();
        each = there ? std::next(each) : refusals_.erase(each);
    }
}

std::optional<std::uint64_t> ProbePlan::take_due(std::int64_t now_ms)
{
    for (std::deque<Question> *questions : { &doubts_, &queue_ }) {
        if (!questions->empty() && questions->front().due_ms <= now_ms) {
            std::uint64_t id = questions->front().id;
            questions->pop_front();
            return id;
        }
    }

    return std::nullopt;
}

void ProbePlan::ask_again(std::uint64_t id, std::int64_t now_ms)
{
    for (const Question &question : doubts_) {
        if (question.id == id) {
            return;
        }
    }

    doubts_.push_back({ id, now_ms + std::min(doubt_ms, interval_ms_) });
}

bool ProbePlan::refused(std::uint64_t id, std::int64_t now_ms)
{
    if (++refusals_[id] >= fails_) {
        refusals_.erase(id);
        return true;
    }

    ask_again(id, now_ms);
    return false;
}

void ProbePlan::lives(std::uint64_t id)
{
    refusals_.erase(id);
}

void ProbePlan::unclear(std::uint64_t id, std::int64_t now_ms)
{
    if (refusals_.count(id) != 0) {
        ask_again(id, now_ms);
    }
}

}
