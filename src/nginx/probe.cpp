// The events of probing. Which key is asked when: keys/probe_plan.
#include "nginx/probe.hpp"

#include "core/keys/probe_plan.hpp"
#include "nginx/glue.hpp"
#include "nginx/key_asker.hpp"
#include "nginx/lease.hpp"
#include "nginx/log.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace gw::ngx {

namespace {

constexpr ngx_msec_t tick = 250;

std::uint64_t random_bits()
{
    return static_cast<std::uint64_t>(ngx_random()) << 32
           ^ static_cast<std::uint64_t>(ngx_random());
}

/// One pool's, as one worker does it.
class Prober {
public:
    explicit Prober(const PoolConf &conf)
        : conf_(conf),
          lease_(conf.zone->probe_lease()),
          asker_(conf, conf.probe.timeout, conf.probe.concurrency, false,
              [this](const KeyFinding &finding) { told(finding); })
    {
    }

    Prober(const Prober &) = delete;
    Prober &operator=(const Prober &) = delete;

    /// Each 250 ms.
    void turn();

    void finish()
    {
        asker_.stop();
        lease_.release();
    }

private:
    keys::Pool &pool() { return conf_.zone->pool; }
    void begin_round();
    void ask_due();
    void told(const KeyFinding &finding);
    std::optional<std::size_t> find(std::uint64_t id);
    void note(const KeyFinding &finding);
    void note_round();

    const PoolConf &conf_;
    Lease lease_;
    std::optional<keys::ProbePlan> plan_;       // while the lease is held
    bool silent_ = false;           // upstream says nothing of use, as logged
    std::size_t unclear_ = 0;       // answers of this round
    KeyAsker asker_;
};

void Prober::turn()
{
    if (!lease_.hold()) {
        plan_.reset();
        asker_.stop();
        return;
    }

    pool().refresh(now_ms());

    if (!plan_) {
        plan_.emplace(static_cast<std::int64_t>(conf_.probe.interval),
            conf_.probe.fails);
    }

    if (plan_->round_over(now_ms())) {
        begin_round();
    }

    ask_due();
}

void Prober::begin_round()
{
    std::vector<std::uint64_t> ids;
    const std::vector<keys::Credential> &list = pool().credentials();

    note_round();

    // Those that may come back first.
    for (bool refused : { true, false }) {
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (list[i].usable() && pool().refused(i, now_ms()) == refused) {
                ids.push_back(list[i].id);
            }
        }
    }

    // A worker that takes another's place goes on without a first round.
    bool first = conf_.zone->probed_configuration().exchange(
                     conf_.probe.configuration) != conf_.probe.configuration;

    plan_->begin_round(ids, first && conf_.probe.on_start, random_bits(),
        now_ms());
}

void Prober::ask_due()
{
    while (asker_.has_room()) {
        std::optional<std::uint64_t> id = plan_->take_due(now_ms());

        if (!id) {
            return;
        }

        std::optional<std::size_t> credential = find(*id);

        if (credential && !asker_.asks(*id)) {
            asker_.ask(*credential);
        }
    }
}

/// nullopt: it is gone, or switched off, since the round has begun.
std::optional<std::size_t> Prober::find(std::uint64_t id)
{
    const std::vector<keys::Credential> &list = pool().credentials();

    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i].id == id && list[i].usable()) {
            return i;
        }
    }

    return std::nullopt;
}

void Prober::told(const KeyFinding &finding)
{
    if (!plan_ || !lease_.mine()) {
        return;
    }

    note(finding);

    if (!finding.gone) {
        switch (finding.answer.state) {

        case gemini::KeyState::lives:
            plan_->lives(finding.id);
            key_lives(conf_, finding);
            break;

        case gemini::KeyState::refused:
            // What is out already is not asked more often for that.
            if (!pool().refused(finding.credential, now_ms())
                && plan_->refused(finding.id, now_ms()))
            {
                key_refused(conf_, finding);
            }

            break;

        case gemini::KeyState::unclear:
            plan_->unclear(finding.id, now_ms());
            break;
        }
    }

    if (!ngx_exiting && !ngx_quit && !ngx_terminate) {
        ask_due();
    }
}

/// Once when asking begins to be of no use.
void Prober::note(const KeyFinding &finding)
{
    // What is wrong with a token says nothing of whom it is shown to.
    if (finding.answer.state != gemini::KeyState::unclear
        || finding.answer.problem.kind == gemini::ProblemKind::token)
    {
        return;
    }

    ++unclear_;

    if (!silent_) {
        silent_ = true;
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
            "gemini: \"%V\" says nothing of the keys of \"%V\" (%d): %*s",
            &conf_.probe.destinations->of(pool().credentials()
                [finding.credential]).target->url,
            &conf_.name, finding.status,
            GW_LOG(finding.answer.message));
    }
}

/// And once when it was of use for a whole round.
void Prober::note_round()
{
    if (silent_ && unclear_ == 0) {
        silent_ = false;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
            "gemini: \"%V\" says again which keys of \"%V\" live",
            &conf_.probe.destinations->list.front().target->url,
            &conf_.name);
    }

    unclear_ = 0;
}

/// Of this worker.
struct Probers {
    std::vector<std::unique_ptr<Prober>> list;
    ngx_event_t timer{};
    ngx_connection_t dummy{};       // debug logging looks at its fd
};

Probers *probers;

void take_turns(ngx_event_t *ev)
{
    for (const std::unique_ptr<Prober> &prober : probers->list) {
        guarded(ev->log, false, [&]() {
            prober->turn();
            return true;
        });
    }

    if (!ngx_exiting && !ngx_terminate && !ngx_quit) {
        ngx_add_timer(ev, tick);
    }
}

}

void start_probes(ngx_cycle_t *cycle)
{
    guarded(cycle->log, false, [&]() {
        auto made = std::make_unique<Probers>();

        for (const PoolConf *pool : pools_of(cycle)) {
            if (pool->probe.interval != 0) {
                made->list.push_back(std::make_unique<Prober>(*pool));
            }
        }

        if (made->list.empty()) {
            return true;
        }

        probers = made.release();

        probers->dummy.fd = static_cast<ngx_socket_t>(-1);
        probers->timer.handler = take_turns;
        probers->timer.data = &probers->dummy;
        probers->timer.log = cycle->log;
        probers->timer.cancelable = 1;

        ngx_add_timer(&probers->timer, 1);

        return true;
    });
}

void stop_probes()
{
    if (probers == nullptr) {
        return;
    }

    std::unique_ptr<Probers> mine(std::exchange(probers, nullptr));

    if (mine->timer.timer_set) {
        ngx_del_timer(&mine->timer);
    }

    for (const std::unique_ptr<Prober> &prober : mine->list) {
        prober->finish();
    }
}

}
