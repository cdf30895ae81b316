// A stream of bytes through ChatStream, whole and in pieces. The first two
// bytes of the input choose the options and the cuts.
#include "core/base/output.hpp"
#include "core/translate/stream.hpp"

#include "../unit/chat_answer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory_resource>
#include <string>
#include <string_view>

namespace {

using namespace gw;
using translate::StreamState;

constexpr std::size_t max_event = 4096;

struct Run {
    StreamState state;
    bool empty;
    bool accepted;
    std::string text;

    bool operator==(const Run &other) const
    {
        return state == other.state && empty == other.empty
               && accepted == other.accepted && text == other.text;
    }
};

void require(bool promise)
{
    if (!promise) {
        __builtin_trap();
    }
}

Run run(std::string_view body, const translate::ReplyOptions &options,
    std::uint32_t seed)
{
    StringOutput out;
    translate::ChatStream stream(options, max_event,
        std::pmr::new_delete_resource());

    while (!body.empty()) {
        // Seed 0: in one piece.
        std::size_t size = body.size();

        if (seed != 0) {
            seed = seed * 1664525 + 1013904223;
            size = std::min(size, std::size_t{1} + (seed >> 16) % 40);
        }

        auto state = stream.feed(body.substr(0, size), out);
        require(state == stream.state());
        require(state != StreamState::quiet || out.view().empty());
        body.remove_prefix(size);
    }

    Run result{};
    result.state = stream.finish(translate::StreamEnd::complete, out);
    result.empty = stream.empty();

    if (result.state == StreamState::failed) {
        require(!stream.error().message.empty());
        require(!result.empty || out.view().empty());

        result.accepted = stream.accept_empty(out);

        if (!result.accepted && !out.view().empty()) {
            stream.write_error(stream.error(), out);
        }
    }

    std::size_t size = out.view().size();
    stream.feed("data: {\"error\":{}}\n\n", out);
    stream.finish(translate::StreamEnd::complete, out);
    require(out.view().size() == size);

    result.text = out.take();
    return result;
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
    std::size_t size)
{
    if (size < 2) {
        return 0;
    }

    translate::ReplyOptions options;
    options.head = {"chatcmpl-1", 1, "m"};
    options.id_seed = "s";
    options.thoughts = static_cast<translate::Thoughts>(data[0] % 3);
    options.logprobs = (data[0] & 8) != 0;
    options.audio = static_cast<translate::AudioFormat>((data[0] >> 4) % 3);
    options.calls = static_cast<translate::Calls>((data[0] >> 6) % 3);
    options.include_usage = (data[0] & 4) != 0;

    std::string_view body(reinterpret_cast<const char *>(data) + 2, size - 2);
    auto whole = run(body, options, 0);
    auto answer = test::read_stream(whole.text, options.include_usage);

    if (!answer.problem.empty()) {
        std::fprintf(stderr, "%s\n%s\n", answer.problem.c_str(),
            whole.text.c_str());
        __builtin_trap();
    }

    require(test::cites_what_is_there(answer, whole.text));
    require(whole.text.empty() || answer.done || answer.failed);
    require(answer.done == (whole.state == StreamState::started
                            || whole.accepted));
    require(run(body, options, data[1] + 1u) == whole);

    return 0;
}
