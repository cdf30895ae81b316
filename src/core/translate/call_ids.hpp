// The ids of tool calls: upstream's where it gives good ones, else our own.
// Source: reference/chat-response.md section 6.
#pragma once

#include "core/base/output.hpp"
#include "core/gemini/generate_reply.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gw::translate {

/// One per response. No two ids it writes are the same: clients send them
/// back and tell calls apart by nothing else.
class CallIds {
public:
    /// seed: random, so that ids differ between responses too; outlives this.
    explicit CallIds(std::string_view seed) : seed_(seed) {}

    /// Writes the id as a JSON string.
    void write(const gemini::ReplyFunctionCall &call, Output &out);

private:
    /// So many of upstream's ids are remembered; later ones are replaced.
    static constexpr std::size_t max_known = 64;
    static constexpr std::size_t max_size = 256;

    bool take(const json::String &id);

    std::string_view seed_;
    std::int64_t generated_ = 0;
    std::size_t known_ = 0;
    std::array<std::uint64_t, max_known> hashes_{};
};

}
