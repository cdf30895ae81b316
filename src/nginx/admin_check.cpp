// The request waits with a count of its own while an asker of its own asks.
// What is found has the effect of a probe, without its patience: somebody has
// asked, and a key that is refused is one that users would meet.
#include "nginx/admin_check.hpp"

#include "core/base/text.hpp"
#include "core/view/status.hpp"
#include "nginx/admin_answer.hpp"
#include "nginx/admin_keys.hpp"
#include "nginx/key_asker.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gw::ngx {

namespace {

// After that no more keys are asked for; the others count as unclear.
constexpr ngx_msec_t patience = 60000;

constexpr std::size_t max_shown = 200;

/// A place in the pool's list may be given to another key.
struct Asked {
    std::size_t credential;
    std::uint64_t id;
};

/// What is told of a key, as it was called then.
struct Told {
    std::string name;
    std::string id;
    KeyFinding finding;
};

class CheckRun;

/// The event comes first: it is what the callback is given.
struct CheckTimer {
    ngx_event_t event;
    CheckRun *run;
};

/// One request's. Lives in its pool.
class CheckRun {
public:
    CheckRun(RequestContext *ctx, bool all)
        : ctx_(ctx),
          all_(all),
          asker_(governed_conf(ctx), governed_conf(ctx).probe.timeout,
              governed_conf(ctx).probe.concurrency, true,
              [this](const KeyFinding &finding) { told(finding); })
    {
    }

    CheckRun(const CheckRun &) = delete;
    CheckRun &operator=(const CheckRun &) = delete;

    ~CheckRun()
    {
        if (timer_.event.timer_set) {
            ngx_del_timer(&timer_.event);
        }
    }

    void add(std::size_t credential)
    {
        list_.push_back({ credential,
            governed_pool(ctx_).credentials()[credential].id });
    }

    ngx_int_t begin();

private:
    static void on_timer(ngx_event_t *ev);

    bool over() const { return next_ == list_.size() && asker_.idle(); }
    void ask();
    bool is_there(const Asked &asked) const;
    void told(const KeyFinding &finding);
    void give_up();
    void end();
    ngx_int_t answer_all();
    ngx_int_t answer_one();

    RequestContext *ctx_;
    bool all_;
    CheckTimer timer_{};
    std::vector<Asked> list_;
    std::size_t next_ = 0;
    std::size_t ok_ = 0;
    std::vector<Told> found_;       // of all: those that do not live
    KeyAsker asker_;
};

ngx_int_t CheckRun::begin()
{
    ngx_http_request_t *r = ctx_->r;

    if (list_.empty()) {
        return answer_all();
    }

    ask();

    ngx_event_t &ev = timer_.event;

    timer_.run = this;
    ev.handler = on_timer;
    // Debug logging takes data for a connection.
    ev.data = r->connection;
    ev.log = r->connection->log;
    ngx_add_timer(&ev, patience);

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    r->write_event_handler = ngx_http_request_empty_handler;
    r->main->count++;

    return NGX_DONE;
}

void CheckRun::ask()
{
    while (next_ < list_.size() && asker_.has_room()) {
        const Asked &next = list_[next_++];

        if (is_there(next)) {
            asker_.ask(next.credential);
        }
    }
}

bool CheckRun::is_there(const Asked &asked) const
{
    const std::vector<keys::Credential> &keys =
        governed_pool(ctx_).credentials();

    return asked.credential < keys.size()
           && keys[asked.credential].id == asked.id
           && !keys[asked.credential].removed;
}

void CheckRun::told(const KeyFinding &finding)
{
    const PoolConf &conf = governed_conf(ctx_);

    if (finding.gone) {
        // Of all it is none any more; one is told so.
        if (!all_) {
            found_.push_back({ {}, {}, finding });
        }

    } else {
        const keys::Credential &key =
            governed_pool(ctx_).credentials()[finding.credential];

        if (finding.answer.state == gemini::KeyState::lives) {
            ++ok_;
            key_lives(conf, finding);

        } else if (finding.answer.state == gemini::KeyState::refused) {
            key_refused(conf, finding);
        }

        if (!all_ || finding.answer.state != gemini::KeyState::lives) {
            found_.push_back({ scrub(key.name, key.secret, max_shown),
                view::id_text(key.id), finding });
        }
    }

    ask();

    if (over()) {
        end();
    }
}

void CheckRun::on_timer(ngx_event_t *ev)
{
    CheckRun *run = reinterpret_cast<CheckTimer *>(ev)->run;

    guarded(ev->log, false, [&]() {
        run->give_up();
        return true;
    });
}

/// What is under way has a deadline of its own.
void CheckRun::give_up()
{
    for (; next_ < list_.size(); ++next_) {
        if (!is_there(list_[next_])) {
            continue;
        }

        const keys::Credential &key =
            governed_pool(ctx_).credentials()[list_[next_].credential];

        Told late{ scrub(key.name, key.secret, max_shown),
            view::id_text(key.id), KeyFinding() };

        late.finding.answer.message = "There was no time left to ask for it.";
        found_.push_back(std::move(late));
    }

    if (over()) {
        end();
    }
}

/// The run is gone when it returns.
void CheckRun::end()
{
    ngx_http_request_t *r = ctx_->r;
    ngx_connection_t *c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_int_t rc = guarded(c->log,
        ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR},
        [&]() { return all_ ? answer_all() : answer_one(); });

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}

void write_problem(const gemini::KeyProblem &problem, json::Writer &json)
{
    json.key("problem").begin_object();
    json.key("kind").string(gemini::name_of(problem.kind));

    for (auto [name, value] : {
             std::pair{"service", &problem.service},
             std::pair{"permission", &problem.permission} })
    {
        json.key(name);
        value->empty() ? json.null() : json.string(*value);
    }

    json.key("hint").string(problem.hint);
    json.end_object();
}

void write_told(const Told &told, json::Writer &json)
{
    const KeyFinding &finding = told.finding;

    json.key("key").string(told.name);
    json.key("id").string(told.id);
    json.key("ok").boolean(finding.answer.state == gemini::KeyState::lives);
    json.key("status");

    if (finding.status != 0) {
        json.number(finding.status);
    } else {
        json.null();
    }

    json.key("reason").string(finding.answer.reason);
    json.key("message").string(finding.answer.message);

    if (finding.answer.problem.kind != gemini::ProblemKind::none) {
        write_problem(finding.answer.problem, json);
    }

    json.key("took_ms").number(static_cast<std::int64_t>(finding.took));
}

ngx_int_t CheckRun::answer_one()
{
    if (found_.empty() || found_[0].finding.gone) {
        Error error;
        error.kind = ErrorKind::unknown_url;
        error.message = "The key is gone.";
        error.code = "key_not_found";
        return refuse(ctx_, error);
    }

    ChainOutput out(ctx_->r->pool, 1024);
    json::Writer json(out);

    json.begin_object();
    write_told(found_[0], json);
    json.end_object();

    return answer(ctx_, NGX_HTTP_OK, out);
}

ngx_int_t CheckRun::answer_all()
{
    ChainOutput out(ctx_->r->pool, 4096);
    json::Writer json(out);

    json.begin_object();
    json.key("checked").number(static_cast<std::int64_t>(
        ok_ + found_.size()));
    json.key("ok").number(static_cast<std::int64_t>(ok_));

    for (auto [name, state] : {
             std::pair{"refused", gemini::KeyState::refused},
             std::pair{"unclear", gemini::KeyState::unclear} })
    {
        json.key(name).begin_array();

        for (const Told &told : found_) {
            if (told.finding.answer.state == state) {
                json.begin_object();
                write_told(told, json);
                json.end_object();
            }
        }

        json.end_array();
    }

    json.end_object();

    return answer(ctx_, NGX_HTTP_OK, out);
}

Result<void> check_place(RequestContext *ctx)
{
    if (governed_conf(ctx).probe.destinations != nullptr) {
        return {};
    }

    Error error;
    error.kind = ErrorKind::conflict;
    error.message = "There is nowhere to ask: no location passes to the pool.";
    error.code = "no_upstream";

    return error;
}

}

ngx_int_t check_key(RequestContext *ctx, std::string_view id)
{
    auto found = find_key(ctx, id);

    if (!found) {
        return refuse(ctx, found.error());
    }

    if (auto place = check_place(ctx); !place) {
        return refuse(ctx, place.error());
    }

    ngx_int_t rc = ngx_http_discard_request_body(ctx->r);

    if (rc != NGX_OK) {
        return rc;
    }

    auto *run = make<CheckRun>(ctx->r->pool, ctx, false);

    if (run == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    run->add(found.value());
    return run->begin();
}

ngx_int_t check_keys(RequestContext *ctx)
{
    if (auto place = check_place(ctx); !place) {
        return refuse(ctx, place.error());
    }

    ngx_int_t rc = ngx_http_discard_request_body(ctx->r);

    if (rc != NGX_OK) {
        return rc;
    }

    auto *run = make<CheckRun>(ctx->r->pool, ctx, true);

    if (run == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    keys::Pool &pool = governed_pool(ctx);
    pool.refresh(now_ms());

    for (std::size_t i = 0; i < pool.credentials().size(); ++i) {
        if (pool.credentials()[i].usable()) {
            run->add(i);
        }
    }

    return run->begin();
}

}
