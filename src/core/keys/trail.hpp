// Why a key was or was not taken, for each choice: what an operator asks first
// when the pool does something unexpected.
#pragma once

#include "core/gemini/error.hpp"
#include "core/keys/record.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace gw::keys {

enum class Why : std::uint8_t {
    taken,
    resting,            // failure says of what
    over_rpm,
    over_rpd,
    over_tpm,
    over_tpd,
    tried,              // by this request before
    passed_over,        // usable, but another was better
    lost,               // another request took the last of its quota
    no_token,           // an account, and there is no access token for it
    whys
};

std::string_view name_of(Why why);

struct Step {
    std::uint32_t credential = 0;           // index into credentials()
    Why why = Why::taken;
    gemini::FailureClass failure = gemini::FailureClass::none;
    std::int64_t back_at_ms = 0;            // when known
};

/// One choice, as it goes on. Fixed in size: of a large pool it has the first
/// candidates looked at, and always the one taken.
struct Trail {
    static constexpr std::size_t most = 16;

    Step steps[most];
    std::size_t count = 0;

    void add(const Step &step)
    {
        if (count < most) {
            steps[count++] = step;
        } else if (step.why == Why::taken) {
            steps[most - 1] = step;
        }
    }
};

/// A trail as it is kept: credentials by id, so that it outlives a reload.
struct KeptTrail {
    struct Mark {
        std::uint64_t credential_id;
        Why why;
        gemini::FailureClass failure;
        std::int64_t back_at_ms;
    };

    std::int64_t at_ms = 0;
    std::uint64_t request[2] = { 0, 0 };    // $request_id, as two numbers
    std::uint64_t model = 0;                // index of its ModelName + 1
    std::vector<Mark> marks;
};

struct alignas(64) TrailRecord {
    Word number;                            // of the trail + 1
    Word at_ms;
    Word request[2];
    Word model;
    Word count;
    Word check;                             // as JournalEntry's
    Word spare;
    Word marks[2 * Trail::most];            // id; why, failure, back_at
};
static_assert(sizeof(TrailRecord) == 320);

/// The last trails of all workers.
class TrailRing {
public:
    TrailRing() = default;
    TrailRing(Word *next, TrailRecord *records, std::size_t capacity)
        : next_(next), records_(records), capacity_(capacity)
    {
    }

    /// ids: of the credentials of the trail's steps. Allocates nothing.
    void keep(std::int64_t at_ms, const std::uint64_t (&request)[2],
        std::uint64_t model, const Trail &trail, const std::uint64_t *ids);

    /// The newest first; those being written are left out.
    std::vector<KeptTrail> newest(std::size_t most) const;

private:
    Word *next_ = nullptr;
    TrailRecord *records_ = nullptr;
    std::size_t capacity_ = 0;
};

}
