// Any bytes as a token endpoint's answer: a token that may stand in a header
// and a time in which it holds, or a problem that may stand in a log.
#include "core/account/schedule.hpp"
#include "core/account/token_reply.hpp"
#include "core/base/text.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    using namespace gw::account;

    if (size < 1) {
        return 0;
    }

    constexpr int statuses[] = { 200, 200, 400, 401, 403, 500, 302, 429 };
    int status = statuses[bytes[0] % 8];
    std::string_view body(reinterpret_cast<const char *>(bytes) + 1,
        size - 1);
    TokenReply reply = read_token_reply(status, body);

    require(reply.ok() == !reply.token.empty());
    require(reply.ok() == reply.problem.empty());

    if (reply.ok()) {
        require(status == 200 && reply.token.size() <= max_token);
        require(reply.lifetime_ms > 0
                && renewal_ms(reply.lifetime_ms, 0) > 0);

        for (char c : reply.token) {
            require(c > ' ' && c < 0x7f);
        }

        return 0;
    }

    require(reply.cause < Cause::causes);
    require(reply.problem.size() <= max_problem
            && gw::valid_utf8(reply.problem)
            && reply.problem.find('\n') == std::string::npos);
    require(retry_ms(reply.cause, 1, 0) >= least_pause_ms);

    return 0;
}
