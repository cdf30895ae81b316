// Between nginx's world and C++'s: strings, memory, exceptions.
#pragma once

#include "nginx/ngx.hpp"

#include <cstring>
#include <exception>
#include <new>
#include <string_view>
#include <utility>

namespace gw::ngx {

inline std::string_view view(const ngx_str_t &s)
{
    return {reinterpret_cast<const char *>(s.data), s.len};
}

/// The ngx_str_t does not own: the view's memory must outlive it.
inline ngx_str_t str(std::string_view s)
{
    return {s.size(), reinterpret_cast<u_char *>(
                          const_cast<char *>(s.data()))};
}

/// A copy in the pool; data == nullptr when there is no memory.
inline ngx_str_t copy(ngx_pool_t *pool, std::string_view s)
{
    auto *data = static_cast<u_char *>(ngx_pnalloc(pool, s.size() + 1));

    if (data == nullptr) {
        return {0, nullptr};
    }

    if (!s.empty()) {
        std::memcpy(data, s.data(), s.size());
    }

    data[s.size()] = '\0';
    return {s.size(), data};
}

/// An object that lives and dies with the pool. nullptr: out of memory.
template <typename T, typename... Args>
T *make(ngx_pool_t *pool, Args &&...args)
{
    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(pool, 0);
    void *memory = alignof(T) <= NGX_ALIGNMENT
        ? ngx_palloc(pool, sizeof(T))
        : ngx_pmemalign(pool, sizeof(T), alignof(T));

    if (cln == nullptr || memory == nullptr) {
        return nullptr;
    }

    T *object = new (memory) T(std::forward<Args>(args)...);

    cln->data = object;
    cln->handler = [](void *data) { static_cast<T *>(data)->~T(); };

    return object;
}

/// nginx is C: an exception that leaves a callback is std::terminate, a dead
/// worker. Every callback's body runs in here.
template <typename Body>
auto guarded(ngx_log_t *log, decltype(std::declval<Body>()()) on_error,
    Body &&body) noexcept
{
    try {
        return body();

    } catch (const std::bad_alloc &) {
        ngx_log_error(NGX_LOG_CRIT, log, 0, "gemini: out of memory");

    } catch (const std::exception &e) {
        ngx_log_error(NGX_LOG_ALERT, log, 0, "gemini: %s", e.what());
    }

    return on_error;
}

/// Wall clock in Unix milliseconds, as of the start of this round of events.
inline std::int64_t now_ms()
{
    ngx_time_t *tp = ngx_timeofday();
    return static_cast<std::int64_t>(tp->sec) * 1000
           + static_cast<std::int64_t>(tp->msec);
}

}
