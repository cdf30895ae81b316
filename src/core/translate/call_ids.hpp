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

/// Learns which signature went out with which call, so that it is not lost on
/// clients that send back the id alone.
struct SignatureSink {
    /// call_id as the client sees it; both only for the time of the call.
    virtual void keep(std::string_view call_id,
        const json::String &signature) = 0;

protected:
    ~SignatureSink() = default;
};

/// One per response. No two ids it writes are the same: clients send them
/// back and tell calls apart by nothing else.
class CallIds {
public:
    /// seed: random, so that ids differ between responses too. sink: null if
    /// nobody wants to know. Both outlive this.
    explicit CallIds(std::string_view seed, SignatureSink *sink = nullptr)
        : seed_(seed), sink_(sink)
    {
    }

    /// Writes the id as a JSON string. signature: the call's own, may be
    /// empty.
    void write(const gemini::ReplyFunctionCall &call,
        const json::String &signature, Output &out);

private:
    /// So many of upstream's ids are remembered; later ones are replaced.
    static constexpr std::size_t max_known = 64;
    static constexpr std::size_t max_size = 256;

    bool take(const json::String &id);

    std::string_view seed_;
    SignatureSink *sink_;
    std::int64_t generated_ = 0;
    std::size_t known_ = 0;
    std::array<std::uint64_t, max_known> hashes_{};
};

}
