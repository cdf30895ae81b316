// Any bytes as an answer: bounded, and the same in any cut.
#include "core/http/response.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using gw::http::ResponseReader;
using State = ResponseReader::State;

constexpr std::size_t max_head = 512;
constexpr std::size_t max_body = 256;

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

void require_equal(const ResponseReader &a, const ResponseReader &b)
{
    require(a.state() == b.state());

    if (a.state() == State::done) {
        require(a.status() == b.status() && a.body() == b.body()
                && a.retry_after() == b.retry_after());
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 2) {
        return 0;
    }

    bool closes = bytes[0] & 1;
    std::size_t step = bytes[1] % 32 + 1;
    std::string_view text(reinterpret_cast<const char *>(bytes) + 2, size - 2);

    ResponseReader whole(max_head, max_body);
    ResponseReader cut(max_head, max_body);

    whole.feed(text);

    for (std::size_t i = 0; i < text.size(); i += step) {
        State before = cut.state();
        State after = cut.feed(text.substr(i, step));

        // What has ended stays as it is.
        require(before == State::more || before == after);
        require(cut.body().size() <= max_body);
    }

    require_equal(whole, cut);

    if (closes) {
        require(whole.close() != State::more);
        cut.close();
        require_equal(whole, cut);
    }

    require(whole.body().size() <= max_body);
    require((whole.state() == State::failed) != whole.problem().empty());

    if (whole.state() == State::done) {
        require(whole.status() >= 200 && whole.status() <= 599);
    }

    return 0;
}
