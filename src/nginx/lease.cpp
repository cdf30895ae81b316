// One word for all workers, changed by compare-and-swap only: whoever dies with
// it loses it by time alone.
#include "nginx/lease.hpp"

namespace gw::ngx {

namespace {

constexpr int pid_bits = 24;
constexpr std::uint64_t pid_mask = (std::uint64_t{1} << pid_bits) - 1;
constexpr std::uint64_t tick_ms = 16;

std::uint64_t this_process()
{
    return static_cast<std::uint64_t>(ngx_pid) & pid_mask;
}

std::uint64_t tick(ngx_msec_t ms)
{
    return static_cast<std::uint64_t>(ms) / tick_ms;
}

bool leaving()
{
    return ngx_exiting || ngx_quit || ngx_terminate;
}

/// Whether it has not run out. One that claims to last longer than any does
/// is none either.
bool runs(std::uint64_t word)
{
    std::uint64_t until = word >> pid_bits;
    std::uint64_t now = tick(ngx_current_msec);

    // Clocks of workers are as old as their last round of events.
    return until > now && until - now <= 2 * tick(Lease::lasts) + 1;
}

bool of_this_process(std::uint64_t word)
{
    return (word & pid_mask) == this_process();
}

}

bool Lease::hold()
{
    if (leaving()) {
        return false;
    }

    std::uint64_t seen = word_.load();

    if (runs(seen) && !of_this_process(seen)) {
        return false;
    }

    std::uint64_t until = tick(ngx_current_msec + lasts) + 1;

    return word_.compare_exchange_strong(seen,
        until << pid_bits | this_process());
}

bool Lease::mine() const
{
    std::uint64_t word = word_.load();

    return runs(word) && of_this_process(word);
}

void Lease::release()
{
    std::uint64_t seen = word_.load();

    if (of_this_process(seen)) {
        word_.compare_exchange_strong(seen, 0);
    }
}

}
