// A request for text completions and what upstream says to it, through the
// front as the glue drives it: each prompt is asked once and in order, and
// whatever came, the answer is JSON with texts and no part of a chat. The
// input is the request, a NUL, and upstream's body.
#include "core/front/completions.hpp"

#include "../unit/text_answer.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory_resource>
#include <string>
#include <string_view>

namespace {

using namespace gw;
using front::Whole;
using translate::StreamEnd;
using translate::StreamState;

constexpr std::size_t max_event = 4096;
constexpr std::string_view model = "gemini-2.5-flash";

void require(bool promise, std::string_view seen = {})
{
    if (!promise) {
        std::fwrite(seen.data(), 1, seen.size(), stderr);
        __builtin_trap();
    }
}

/// false: the prompt cannot be asked, which the client is told.
bool ask(front::Completions &front)
{
    StringOutput question;
    auto written = front.write_body(model, gw::gemini::Api::gemini, question);

    if (!written) {
        require(!written.error().message.empty());
        return false;
    }

    require(front.estimated_tokens() >= 0);
    return true;
}

void run_whole(front::Completions &front, std::string_view reply)
{
    for (std::size_t asked = 0; ask(front); ++asked) {
        require(asked < openai::max_prompts);

        StringOutput out;
        std::int64_t before = front.outcome().usage.total_tokens();
        Whole done = front.whole(reply, true, out);

        if (done == Whole::written) {
            std::string problem = test::objection_to_text(out.view());
            require(problem.empty(), problem + "\n" + std::string(out.view()));
            return;
        }

        require(out.view().empty());

        if (done != Whole::more) {
            require(!front.error().message.empty());
            return;
        }

        require(front.outcome().usage.total_tokens() >= before);
        front.start_over();
    }
}

void run_stream(front::Completions &front, std::string_view reply)
{
    if (!ask(front)) {
        return;
    }

    StringOutput out;
    StreamState state = front.feed(reply, out);

    require(state != StreamState::quiet || out.view().empty());
    state = front.finish(StreamEnd::complete, out);

    bool whole = state == StreamState::started
                 || (front.empty() && front.accept_empty(out));

    std::string problem = test::objection_to_stream(out.view(), whole);
    require(problem.empty(), problem + "\n" + std::string(out.view()));
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
    std::size_t size)
{
    std::string_view input(reinterpret_cast<const char *>(data), size);
    std::size_t end = input.find('\0');

    if (end == std::string_view::npos) {
        return 0;
    }

    front::Setting setting;
    setting.max_event = max_event;
    setting.now_sec = 1;
    setting.request_id = "0123456789abcdef0123456789abcdef";

    front::Completions front(setting, std::pmr::new_delete_resource());

    if (!front.read(input.substr(0, end))) {
        return 0;
    }

    if (front.streams()) {
        run_stream(front, input.substr(end + 1));
    } else {
        run_whole(front, input.substr(end + 1));
    }

    return 0;
}
