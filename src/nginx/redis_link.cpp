// Who is connected, to where, and when again. Of all workers the one with the
// lease holds the link: a connection for commands, and one for the bus. All
// of it happens at the ticks of one timer; what a connection reports from
// within its own calls is only noted there.
#include "nginx/redis_link.hpp"

#include "core/base/text.hpp"
#include "nginx/glue.hpp"
#include "nginx/lease.hpp"
#include "nginx/log.hpp"
#include "nginx/redis_connection.hpp"
#include "nginx/redis_hosts.hpp"
#include "nginx/redis_keys.hpp"
#include "nginx/redis_sync.hpp"
#include "nginx/redis_target.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gw::ngx {

namespace {

constexpr ngx_msec_t tick_ms = 25;
// Of a worker without the link: how soon it takes over.
constexpr ngx_msec_t idle_tick_ms = 50;

constexpr ngx_msec_t least_pause_ms = 100;
constexpr ngx_msec_t most_pause_ms = 2000;

// On the way out, how long another worker has to take over before the host is
// gone for the others; and then for the last words to arrive.
constexpr ngx_msec_t handover_ms = 300;
constexpr ngx_msec_t last_words_ms = 300;

class Link {
public:
    Link(PoolConf &conf, const share::Seal *seal, ngx_log_t *log);
    ~Link();

    Link(const Link &) = delete;
    Link &operator=(const Link &) = delete;

    /// Nothing holds nginx up any more, nor does it wait.
    void stop();

private:
    enum class State : std::uint8_t {
        idle,           // another worker has the link
        paused,         // until resume_at_
        searching,      // the sentinels are asked
        connecting,
        joined
    };

    static void on_timer(ngx_event_t *ev);
    void arm(ngx_msec_t in);
    bool tick();
    bool leave();

    void connect();
    void open(const RedisPeer *peer);
    void subscribe();
    void join_when_ready();

    void lost(std::string_view reason);
    void refused(const redisReply &reply);
    void redirect(std::string_view error);
    void drop();
    void close();
    void in_step();
    void say_lost(std::string_view reason, ngx_msec_t pause);
    void report(bool up);

    PoolConf &conf_;
    PoolZone &zone_;
    const RedisOptions &options_;
    ngx_log_t *log_;
    RedisKeys names_;
    std::string shown_;                 // of the URL, without password
    Lease lease_;
    RedisSync sync_;
    RedisHosts hosts_;
    ngx_event_t timer_{};
    ngx_connection_t dummy_{};          // for nginx's debug log
    State state_ = State::idle;

    RedisTarget target_;
    std::unique_ptr<RedisConnection> commands_;
    std::unique_ptr<RedisConnection> bus_;
    bool commands_ready_ = false;
    bool bus_ready_ = false;
    bool subscribed_ = false;
    bool joining_ = false;

    std::string trouble_;               // why the link must be dropped
    bool redirected_ = false;           // to go elsewhere, which is none
    std::string said_;                  // the trouble last logged
    ngx_msec_t pause_ = least_pause_ms;
    ngx_msec_t resume_at_ = 0;
    ngx_msec_t connect_by_ = 0;

    bool leaving_ = false;
    bool said_bye_ = false;
    bool bye_arrived_ = false;
    ngx_msec_t leaving_at_ = 0;
};

/// A worker's; made and ended with it.
std::vector<std::unique_ptr<Link>> *links;

bool past(ngx_msec_t moment)
{
    return static_cast<ngx_msec_int_t>(ngx_current_msec - moment) >= 0;
}

Link::Link(PoolConf &conf, const share::Seal *seal, ngx_log_t *log)
    : conf_(conf),
      zone_(*conf.zone),
      options_(*conf.redis),
      log_(log),
      names_(conf.redis_prefix, view(conf.name)),
      shown_(share::shown(conf.redis->url)),
      lease_(zone_.link_lease()),
      sync_(zone_, seal, names_, log,
          { [this]() { in_step(); },
            [this](const redisReply &reply) { refused(reply); },
            [this]() { hosts_.look_now(); } }),
      hosts_(zone_, names_,
          [this](const redisReply &reply) { refused(reply); }),
      target_(options_, log)
{
    dummy_.fd = static_cast<ngx_socket_t>(-1);
    dummy_.data = this;
    timer_.data = &dummy_;
    timer_.handler = on_timer;
    timer_.log = log;

    arm(ngx_random() % tick_ms + 1);
}

Link::~Link()
{
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }

    close();
}

void Link::on_timer(ngx_event_t *ev)
{
    auto *link = static_cast<Link *>(
        static_cast<ngx_connection_t *>(ev->data)->data);

    bool again = guarded(ev->log, true, [&]() { return link->tick(); });

    if (again) {
        link->arm(link->state_ == State::idle ? idle_tick_ms : tick_ms);
    }
}

// Whoever has the link leaves in good order, which takes a moment; the others
// do not keep a worker from going.
void Link::arm(ngx_msec_t in)
{
    timer_.cancelable = state_ == State::joined ? 0 : 1;
    ngx_add_timer(&timer_, in);
}

bool Link::tick()
{
    if (ngx_quit || ngx_terminate || ngx_exiting || leaving_) {
        return leave();
    }

    if (!lease_.hold()) {
        if (state_ != State::idle) {
            close();
        }

        return true;
    }

    zone_.pool.refresh(now_ms());

    if (redirected_ || !trouble_.empty()) {
        drop();
        return true;
    }

    switch (state_) {

    case State::idle:
        state_ = State::paused;
        resume_at_ = ngx_current_msec;
        said_.clear();
        [[fallthrough]];

    case State::paused:
        if (past(resume_at_)) {
            connect();
        }

        break;

    case State::searching:
        break;

    case State::connecting:
        if (past(connect_by_)) {
            lost("timed out");
        }

        break;

    case State::joined:
        hosts_.tick();
        sync_.tick();
        break;
    }

    return true;
}

// ---- towards a link

void Link::connect()
{
    state_ = State::searching;
    target_.find([this](const RedisPeer *peer) { open(peer); },
        [this](std::string_view reason) { lost(reason); });
}

void Link::open(const RedisPeer *peer)
{
    auto gone = [this](std::string_view reason) { lost(reason); };

    state_ = State::connecting;
    connect_by_ = ngx_current_msec + 3 * options_.timeout;
    commands_ready_ = bus_ready_ = subscribed_ = joining_ = false;

    commands_ = std::make_unique<RedisConnection>(options_, log_,
        RedisConnection::Handlers{ [this]() {
            commands_ready_ = true;
            join_when_ready();
        }, gone });

    bus_ = std::make_unique<RedisConnection>(options_, log_,
        RedisConnection::Handlers{ [this]() { subscribe(); }, gone });

    commands_->open(peer);
    bus_->open(peer);
}

void Link::subscribe()
{
    bus_->subscribe(names_.bus,
        [this](std::string_view message) { sync_.receive(message); },
        [this]() {
            subscribed_ = true;
            join_when_ready();
        });
}

void Link::join_when_ready()
{
    if (commands_ready_ && subscribed_ && !joining_ && trouble_.empty()) {
        joining_ = true;
        hosts_.join(*commands_, [this]() {
            state_ = State::joined;
            sync_.begin(*commands_);
        });
    }
}

void Link::in_step()
{
    target_.good();
    pause_ = least_pause_ms;
    said_.clear();
    report(true);

    ngx_log_error(NGX_LOG_NOTICE, log_, 0,
        "gemini: pool \"%V\" shares its state through %*s, hosts: %ui",
        &conf_.name, GW_LOG(shown_),
        static_cast<ngx_uint_t>(zone_.pool.share().count));
}

// ---- away from it

void Link::lost(std::string_view reason)
{
    // The first one is the cause of the others.
    if (trouble_.empty() && !redirected_) {
        trouble_ = reason.empty() ? "closed" : scrub(reason);
    }
}

void Link::refused(const redisReply &reply)
{
    std::string_view text = text_of(&reply);

    if (reply.type != REDIS_REPLY_ERROR) {
        lost("unexpected reply");

    } else if (starts_with(text, "MOVED ")) {
        redirect(text);

    } else {
        // What follows would be our own arguments.
        lost(text.substr(0, std::min(text.find(", with args"),
            std::size_t{200})));
    }
}

void Link::redirect(std::string_view error)
{
    // Each command of a transaction is told the same.
    if (redirected_ || !trouble_.empty()) {
        return;
    }

    std::string_view problem = target_.redirect(error);

    if (problem.empty()) {
        redirected_ = true;
    } else {
        lost(problem);
    }
}

void Link::drop()
{
    bool moved = redirected_;
    std::string reason = std::move(trouble_);

    close();
    state_ = State::paused;

    if (moved) {
        resume_at_ = ngx_current_msec;
        return;
    }

    report(false);

    target_.bad();

    ngx_msec_t pause = pause_ * 3 / 4
                       + static_cast<ngx_msec_t>(ngx_random()) % (pause_ / 2);
    pause_ = std::min(pause_ * 2, most_pause_ms);
    resume_at_ = ngx_current_msec + pause;

    say_lost(reason, pause);
}

void Link::say_lost(std::string_view reason, ngx_msec_t pause)
{
    // Once for each new reason: it is tried again many times.
    if (said_ == reason) {
        return;
    }

    said_ = reason;

    std::string where = shown_;

    if (std::string name = target_.name(); !name.empty()) {
        where += " (" + name + ")";
    }

    ngx_log_error(NGX_LOG_WARN, log_, 0,
        "gemini: pool \"%V\" does not share its state, %*s: %*s, next try "
        "in %M ms", &conf_.name, GW_LOG(where), GW_LOG(reason), pause);
}

void Link::close()
{
    target_.stop();

    // Pending replies are told before the state they speak of goes.
    for (auto *connection : { &commands_, &bus_ }) {
        if (*connection) {
            (*connection)->close();
        }
    }

    sync_.end();
    hosts_.end();
    commands_.reset();
    bus_.reset();
    trouble_.clear();
    redirected_ = false;
    state_ = State::idle;
}

void Link::report(bool up)
{
    LinkReport &link = zone_.link_report();

    if (link.up.exchange(up ? 1 : 0) != (up ? 1U : 0U)) {
        link.since_ms.store(static_cast<std::uint64_t>(now_ms()));
        link.losses.fetch_add(up ? 0 : 1);
    }
}

// ---- the end

// At a reload a worker of the new configuration takes over; when none does the
// host itself goes, and the others are told. false: all is said.
bool Link::leave()
{
    if (state_ != State::joined || !trouble_.empty() || redirected_) {
        lease_.release();
        close();
        return false;
    }

    if (!leaving_) {
        leaving_ = true;
        leaving_at_ = ngx_current_msec;
        lease_.release();
    }

    // Who has taken it may be leaving too, and know that a moment later.
    ngx_msec_t since = ngx_current_msec - leaving_at_;
    bool taken = since >= handover_ms && zone_.link_lease().load() != 0;

    if (taken || bye_arrived_ || since >= handover_ms + last_words_ms) {
        if (!taken) {
            report(false);
        }

        close();
        return false;
    }

    if (said_bye_) {
        return true;
    }

    sync_.tick();

    if (since >= handover_ms && sync_.idle()) {
        said_bye_ = true;
        hosts_.bye([this]() { bye_arrived_ = true; });
    }

    return true;
}

// nginx was told to stop at once, and this is the last that runs.
void Link::stop()
{
    bool mine = lease_.mine();

    lease_.release();

    if (mine && state_ == State::joined && !said_bye_) {
        hosts_.bye({});
    }

    close();
}

}

void start_redis_links(ngx_cycle_t *cycle)
{
    guarded(cycle->log, 0, [&]() {
        auto *mcf = static_cast<MainConf *>(
            ngx_http_cycle_get_module_main_conf(cycle,
                ngx_http_gemini_module));

        for (PoolConf *pool : pools_of(cycle)) {
            if (pool->redis == nullptr) {
                continue;
            }

            if (links == nullptr) {
                links = new std::vector<std::unique_ptr<Link>>;
            }

            links->push_back(std::make_unique<Link>(*pool, mcf->seal,
                cycle->log));
        }

        return 0;
    });
}

void stop_redis_links()
{
    if (links == nullptr) {
        return;
    }

    guarded(ngx_cycle->log, 0, [&]() {
        for (std::unique_ptr<Link> &link : *links) {
            link->stop();
        }

        return 0;
    });

    delete links;
    links = nullptr;
}

}
