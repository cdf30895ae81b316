// Asks upstream whether it accepts keys of a pool, some at a time, and lets
// the pool know.
#pragma once

#include "core/gemini/key_check.hpp"
#include "nginx/http_client.hpp"
#include "nginx/zone.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gw::ngx {

/// What came of asking for one key.
struct KeyFinding {
    std::uint64_t id = 0;
    std::size_t credential = 0;     // in the pool's list; gone: none any more
    bool gone = false;
    int status = 0;                 // 0: there was no answer
    gemini::KeyAnswer answer;
    ngx_msec_t took = 0;
};

class KeyAsker {
public:
    using Told = std::function<void(const KeyFinding &)>;

    /// The pool must have a place to ask (ProbeConf::target). holds_worker:
    /// a worker that ends waits for what is under way. told may destroy the
    /// asker.
    KeyAsker(const PoolConf &conf, ngx_msec_t timeout,
        std::size_t concurrency, bool holds_worker, Told told);

    ~KeyAsker();

    KeyAsker(const KeyAsker &) = delete;
    KeyAsker &operator=(const KeyAsker &) = delete;

    bool has_room() const { return under_way_ < calls_.size(); }
    bool idle() const { return under_way_ == 0; }
    bool asks(std::uint64_t id) const;

    /// There must be room. told is not called from within.
    void ask(std::size_t credential);

    /// What is under way ends without a word.
    void stop();

private:
    /// The event comes first: it is what the callback is given.
    struct Call {
        ngx_event_t later{};        // instead of an answer
        KeyAsker *asker = nullptr;
        std::unique_ptr<HttpCall> http;
        std::uint64_t id = 0;
        std::size_t credential = 0;
        std::string secret;         // that it went out with; wiped
        std::uint64_t token = 0;    // its number, of an account
        bool under_way = false;
    };

    static void on_later(ngx_event_t *ev);

    std::size_t place_of(const Call &call) const
    {
        return static_cast<std::size_t>(&call - calls_.data());
    }

    void send(Call &call, const keys::Credential &key);
    void tell_no_token(Call &call);
    void close(Call &call);
    KeyFinding begin_finding(const Call &call);
    void judge_token(const Call &call, KeyFinding &finding);
    void end(std::size_t place, const HttpReply &reply);

    const PoolConf &conf_;
    ngx_msec_t timeout_;
    bool holds_worker_;
    Told told_;
    std::vector<Call> calls_;
    std::size_t under_way_ = 0;
};

/// Upstream accepts it: a rest as `invalid` ends, and the log has it.
void key_lives(const PoolConf &conf, const KeyFinding &finding);

/// Upstream does not: it rests as if a request had found that out.
void key_refused(const PoolConf &conf, const KeyFinding &finding);

}
