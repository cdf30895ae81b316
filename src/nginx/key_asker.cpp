#include "nginx/key_asker.hpp"

#include "core/base/text.hpp"
#include "core/gemini/error.hpp"
#include "nginx/glue.hpp"
#include "nginx/log.hpp"

#include <utility>

namespace gw::ngx {

namespace {

constexpr std::size_t max_name = 200;

std::string shown_name(const keys::Credential &key)
{
    return scrub(key.name, key.secret, max_name);
}

/// The pool of a configuration is this worker's to change; conf says only
/// where it is.
keys::Pool &pool_of(const PoolConf &conf)
{
    return conf.zone->pool;
}

bool still_there(const keys::Pool &pool, const KeyFinding &finding)
{
    return finding.credential < pool.credentials().size()
           && pool.credentials()[finding.credential].id == finding.id
           && !pool.credentials()[finding.credential].removed;
}

}

KeyAsker::KeyAsker(const PoolConf &conf, ngx_msec_t timeout,
    std::size_t concurrency, bool holds_worker, Told told)
    : conf_(conf),
      timeout_(timeout),
      holds_worker_(holds_worker),
      told_(std::move(told)),
      calls_(concurrency)
{
}

bool KeyAsker::asks(std::uint64_t id) const
{
    for (const Call &call : calls_) {
        if (call.http != nullptr && call.id == id) {
            return true;
        }
    }

    return false;
}

void KeyAsker::ask(std::size_t credential)
{
    const keys::Credential &key = pool_of(conf_).credentials()[credential];
    std::size_t place = 0;

    while (calls_[place].http != nullptr) {
        ++place;
    }

    HttpRequest request;
    const Destination &destination = conf_.probe.destinations->of(key);
    request.server = { destination.target, destination.tls };
    request.path = gemini::key_check_path;
    request.fields.reserve(key.secret.size() + 20);
    request.fields.append("x-goog-api-key: ").append(key.secret)
        .append("\r\n");
    request.timeout = timeout_;
    request.max_body = gemini::max_key_check_answer;
    request.holds_worker = holds_worker_;

    Call &call = calls_[place];
    call.http = std::make_unique<HttpCall>();
    call.id = key.id;
    call.credential = credential;
    ++under_way_;

    try {
        // Not a request's log: the call may outlive that.
        call.http->start(std::move(request), ngx_cycle->log,
            [this, place](const HttpReply &reply) { end(place, reply); });

    } catch (...) {
        call.http.reset();
        --under_way_;
        throw;
    }
}

void KeyAsker::stop()
{
    for (Call &call : calls_) {
        call.http.reset();
    }

    under_way_ = 0;
}

void KeyAsker::end(std::size_t place, const HttpReply &reply)
{
    // Until this returns the call is somebody's: it is what calls.
    std::unique_ptr<HttpCall> ended = std::move(calls_[place].http);
    --under_way_;

    keys::Pool &pool = pool_of(conf_);
    KeyFinding finding;

    pool.refresh(now_ms());
    finding.id = calls_[place].id;
    finding.credential = calls_[place].credential;
    finding.gone = !still_there(pool, finding);
    finding.took = reply.took;

    if (!reply.ok()) {
        finding.answer.message = reply.problem;

    } else {
        std::string_view secret = finding.gone ? std::string_view()
            : pool.credentials()[finding.credential].secret;

        finding.status = reply.status;
        finding.answer = gemini::read_key_answer(reply.status, reply.body,
            secret);
    }

    Told told = told_;
    told(finding);
}

void key_lives(const PoolConf &conf, const KeyFinding &finding)
{
    keys::Pool &pool = pool_of(conf);

    if (pool.revive(finding.credential, now_ms())) {
        std::string name = shown_name(pool.credentials()[finding.credential]);

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
            "gemini: key \"%*s\" of \"%V\" lives again", GW_LOG(name),
            &conf.name);
    }
}

void key_refused(const PoolConf &conf, const KeyFinding &finding)
{
    keys::Pool &pool = pool_of(conf);

    if (pool.refused(finding.credential, now_ms())) {
        return;
    }

    gemini::Verdict verdict;
    verdict.failure = gemini::FailureClass::invalid;

    keys::Pool::Consequence done = pool.failed(finding.credential, {},
        verdict, now_ms());

    if (done.until_ms == 0 || !done.news) {
        return;
    }

    std::string name = shown_name(pool.credentials()[finding.credential]);

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
        "gemini: key \"%*s\" of \"%V\" is refused when asked for, it rests "
        "until it lives or is reset: invalid (%d)", GW_LOG(name), &conf.name,
        finding.status);
}

}
