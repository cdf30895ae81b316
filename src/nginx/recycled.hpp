// Memory that every request needs for a while, kept by the worker from one to
// the next: given back to the system each time, the heap's top shrinks and
// grows, and the page faults cost more than the request's translation.
#pragma once

#include <cstddef>

namespace gw::ngx {

/// size bytes, aligned for anything; nullptr: there is no memory. What was in
/// them before may still be.
void *take_recycled(std::size_t size) noexcept;

/// What take_recycled(size) gave. Of each size so much is kept as ever was
/// needed at once, to a bound.
void give_recycled(void *memory, std::size_t size) noexcept;

}
