// A whole answer through to_chat_completion. The first byte of the input
// chooses the options.
#include "core/base/arena.hpp"
#include "core/base/output.hpp"
#include "core/translate/reply.hpp"

#include "../unit/chat_answer.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory_resource>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
    std::size_t size)
{
    using namespace gw;

    if (size < 1) {
        return 0;
    }

    translate::ReplyOptions options;
    options.head = {"chatcmpl-1", 1, "m"};
    options.id_seed = "s";
    options.thoughts = static_cast<translate::Thoughts>(data[0] % 3);
    options.logprobs = (data[0] & 8) != 0;
    options.audio = static_cast<translate::AudioFormat>((data[0] >> 4) % 3);
    options.calls = static_cast<translate::Calls>((data[0] >> 6) % 3);

    std::string_view body(reinterpret_cast<const char *>(data) + 1, size - 1);
    Arena arena(std::pmr::new_delete_resource());
    StringOutput out;

    auto reply = translate::to_chat_completion(body, options,
        (data[0] & 4) != 0, arena, out);

    bool complete = reply && reply->state == translate::ReplyState::complete;

    if (!complete) {
        const Error &error = reply ? reply->error : reply.error();

        if (!out.view().empty() || error.message.empty()) {
            __builtin_trap();
        }

        return 0;
    }

    auto answer = test::read_completion(out.view());

    if (!test::cites_what_is_there(answer, out.view())) {
        __builtin_trap();
    }

    if (!answer.problem.empty() || reply->outcome.finish_reason.empty()) {
        std::fprintf(stderr, "%s\n%s\n", answer.problem.c_str(),
            out.take().c_str());
        __builtin_trap();
    }

    return 0;
}
