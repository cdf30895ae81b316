#include "nginx/key_asker.hpp"

#include "core/base/text.hpp"
#include "core/gemini/error.hpp"
#include "core/keys/wipe.hpp"
#include "nginx/authorization.hpp"
#include "nginx/glue.hpp"
#include "nginx/log.hpp"

#include <utility>

namespace gw::ngx {

namespace {

constexpr std::size_t max_name = 200;
constexpr int forbidden = 403;

// What debug logging finds behind a timer of no connection; it has no fd.
ngx_connection_t no_connection;

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

KeyAsker::~KeyAsker()
{
    stop();
}

bool KeyAsker::asks(std::uint64_t id) const
{
    for (const Call &call : calls_) {
        if (call.under_way && call.id == id) {
            return true;
        }
    }

    return false;
}

void KeyAsker::ask(std::size_t credential)
{
    keys::Pool &pool = pool_of(conf_);
    const keys::Credential &key = pool.credentials()[credential];
    std::size_t place = 0;

    while (calls_[place].under_way) {
        ++place;
    }

    Call &call = calls_[place];
    call.id = key.id;
    call.credential = credential;

    if (key.account) {
        keys::Token token = pool.token_of(credential).value_or(keys::Token());

        if (!pool.token_state_of(credential)->usable(now_ms())) {
            // What upstream has refused for good may be taken by now.
            pool.tokens().hurry(key.token_place, key.token_id);
            keys::wipe(token.text);
        }

        call.secret = std::move(token.text);
        call.token = token.number;

    } else {
        call.secret = key.secret;
    }

    call.under_way = true;
    ++under_way_;

    try {
        send(call, key);

    } catch (...) {
        close(call);
        throw;
    }
}

void KeyAsker::send(Call &call, const keys::Credential &key)
{
    if (call.secret.empty()) {
        call.asker = this;
        call.later.handler = on_later;
        // Debug logging takes data for a connection.
        call.later.data = &no_connection;
        call.later.log = ngx_cycle->log;
        call.later.cancelable = !holds_worker_;
        ngx_add_timer(&call.later, 1);
        return;
    }

    const Destination &destination = conf_.probe.destinations->of(key);
    gemini::KeyQuestion question = gemini::key_question(keys::place_of(key));
    StringOutput fields;

    write_authorization(key, call.secret, fields);

    // It begins with the end of a line that is not there, and ends without.
    std::string text = fields.take();
    HttpRequest request;
    request.server = { destination.target, destination.tls };
    request.method = question.method;
    request.path = question.path;
    request.fields.reserve(text.size() + 64);
    request.fields.append(text, 2).append("\r\n");
    keys::wipe(text);

    if (!question.body.empty()) {
        request.fields.append("Content-Type: application/json\r\n");
        request.body = question.body;
    }

    request.timeout = timeout_;
    request.max_body = gemini::max_key_check_answer;
    request.holds_worker = holds_worker_;

    std::size_t place = place_of(call);
    call.http = std::make_unique<HttpCall>();

    // Not a request's log: the call may outlive that.
    call.http->start(std::move(request), ngx_cycle->log,
        [this, place](const HttpReply &reply) { end(place, reply); });
}

void KeyAsker::close(Call &call)
{
    if (call.later.timer_set) {
        ngx_del_timer(&call.later);
    }

    call.http.reset();
    keys::wipe(call.secret);

    if (call.under_way) {
        call.under_way = false;
        --under_way_;
    }
}

void KeyAsker::stop()
{
    for (Call &call : calls_) {
        close(call);
    }
}

KeyFinding KeyAsker::begin_finding(const Call &call)
{
    keys::Pool &pool = pool_of(conf_);
    KeyFinding finding;

    pool.refresh(now_ms());
    finding.id = call.id;
    finding.credential = call.credential;
    finding.gone = !still_there(pool, finding);

    return finding;
}

void KeyAsker::on_later(ngx_event_t *ev)
{
    guarded(ev->log, false, [&]() {
        auto &call = *reinterpret_cast<Call *>(ev);
        call.asker->tell_no_token(call);
        return true;
    });
}

void KeyAsker::tell_no_token(Call &call)
{
    KeyFinding finding = begin_finding(call);
    gemini::KeyProblem &problem = finding.answer.problem;

    problem.kind = gemini::ProblemKind::token;
    problem.hint = "The token endpoint is asked again by itself.";
    finding.answer.message = "There is no access token for the account yet.";

    if (!finding.gone) {
        auto state = pool_of(conf_).token_state_of(finding.credential);

        if (state && state->cause != account::Cause::none) {
            std::string_view hint = account::hint_of(state->cause);

            finding.answer.message = state->problem;
            problem.hint = hint.empty() ? problem.hint : std::string(hint);

        } else if (state && state->refused) {
            finding.answer.message = "Upstream refuses the account's access "
                                     "token; another one is asked for.";
        }
    }

    close(call);

    Told told = told_;
    told(finding);
}

/// Whether upstream takes the token that it has been shown.
void KeyAsker::judge_token(const Call &call, KeyFinding &finding)
{
    constexpr int unauthorized = 401;
    constexpr int least_server_error = 500;

    keys::Pool &pool = pool_of(conf_);

    if (finding.status == unauthorized) {
        bool for_good = pool.refuse_token(finding.credential, call.token,
            now_ms()) == keys::TokenRefusal::in_vain;

        finding.answer.problem.kind = gemini::ProblemKind::token;
        finding.answer.problem.hint = for_good
            ? "Upstream takes none of the account's access tokens."
            : "Another access token is asked for.";

        if (!for_good && finding.answer.state == gemini::KeyState::refused) {
            finding.answer.state = gemini::KeyState::unclear;
        }

    } else if (finding.status < least_server_error) {
        pool.accept_token(finding.credential, call.token);
    }
}

void KeyAsker::end(std::size_t place, const HttpReply &reply)
{
    Call &call = calls_[place];

    // Until this returns the call is somebody's: it is what calls.
    std::unique_ptr<HttpCall> ended = std::move(call.http);
    KeyFinding finding = begin_finding(call);

    finding.took = reply.took;

    if (!reply.ok()) {
        finding.answer.message = reply.problem;

    } else if (!finding.gone) {
        const keys::Credential &key =
            pool_of(conf_).credentials()[finding.credential];

        finding.status = reply.status;
        finding.answer = gemini::read_key_answer(reply.status, reply.body,
            call.secret, key.api);

        if (key.account) {
            judge_token(call, finding);
        }
    }

    close(call);

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
    verdict.wants_rights = finding.status == forbidden
        && pool.credentials()[finding.credential].account;

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
