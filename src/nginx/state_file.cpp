// When the state file is read and written, and by whom. What it says:
// share/state_text. What touches the disk: state_disk.cpp.
#include "nginx/state_file.hpp"

#include "core/base/text.hpp"
#include "core/keys/mix.hpp"
#include "core/share/state_text.hpp"
#include "nginx/glue.hpp"
#include "nginx/lease.hpp"
#include "nginx/log.hpp"
#include "nginx/state_disk.hpp"

#include <openssl/rand.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gw::ngx {

namespace {

constexpr ngx_msec_t tick = 250;

// A change is on disk within a second, usage and what runs out by itself
// within ten. The file is looked at each second: during an upgrade the old
// binary's workers write it too.
constexpr ngx_msec_t pause_between_writes = 500;
constexpr ngx_msec_t check_every = 10000;
constexpr ngx_msec_t look_every = 1000;
constexpr ngx_msec_t pause_after_failure = 3000;

// How long a worker that ends waits for its disk.
constexpr ngx_msec_t patience = 10000;
constexpr ngx_msec_t nap = 10;
constexpr int last_attempts = 100;

std::string path_of(const PoolZone &zone)
{
    return std::string(view(zone.conf->state));
}

const share::Seal *seal_of(const PoolZone &zone)
{
    return zone.conf->seal != nullptr ? *zone.conf->seal : nullptr;
}

/// Says what a file is, once for each version of it.
void tell(PoolZone &zone, const FileMark &mark,
    const share::StateResult &result, ngx_log_t *log)
{
    const ngx_str_t &path = zone.conf->state;
    auto read = static_cast<std::uint64_t>(result.read);
    std::uint64_t told = keys::mix(mark.inode
        ^ keys::mix(static_cast<std::uint64_t>(mark.modified_ns) + read));

    if (result.read == share::StateRead::empty
        || (result.read == share::StateRead::ok && result.skipped == 0
            && result.keys_unopened == 0)
        || zone.state_report().told.exchange(told) == told)
    {
        return;
    }

    switch (result.read) {
    case share::StateRead::newer:
        ngx_log_error(NGX_LOG_ERR, log, 0,
            "gemini: state file \"%V\" was written by a later version: it is "
            "neither used nor written", &path);
        break;

    case share::StateRead::other_pool:
        ngx_log_error(NGX_LOG_ERR, log, 0,
            "gemini: state file \"%V\" is another pool's, not \"%V\"'s: it "
            "is neither used nor written", &path, &zone.conf->name);
        break;

    case share::StateRead::broken:
        ngx_log_error(NGX_LOG_ERR, log, 0,
            "gemini: state file \"%V\" is broken and not used", &path);
        break;

    default:
        ngx_log_error(NGX_LOG_WARN, log, 0,
            "gemini: state file \"%V\": %uz lines were not understood, the "
            "secrets of %uz keys could not be opened with this "
            "\"gemini_secret\"", &path, result.skipped, result.keys_unopened);
    }
}

bool may_be_replaced(share::StateRead read)
{
    return read != share::StateRead::newer
           && read != share::StateRead::other_pool;
}

/// One pool's file, as one worker keeps it.
class Writer {
public:
    explicit Writer(PoolZone &zone)
        : zone_(zone), lease_(zone.state_lease()), path_(path_of(zone))
    {
    }

    Writer(const Writer &) = delete;
    Writer &operator=(const Writer &) = delete;

    /// Each 250 ms.
    void turn(ngx_log_t *log);

    /// The worker ends: what is not written yet is, unless others have done
    /// it. It serves nobody any more, so it may wait.
    void finish(ngx_log_t *log);

private:
    bool hears_news();
    bool changed(ngx_msec_t now);
    void begin(std::string text, ngx_log_t *log);
    bool begin_write(ngx_log_t *log);
    void end_job(ngx_log_t *log);
    void merge(const std::string &text, ngx_log_t *log);
    void fail(const DiskProblem &problem, bool writing, ngx_log_t *log);
    bool wait(ngx_log_t *log);

    PoolZone &zone_;
    Lease lease_;
    std::string path_;

    FileMark mark_;                     // of the version all of which is known
    bool blocked_ = false;              // it must not be replaced
    bool dirty_ = false;                // what there is is not in it
    std::uint64_t digest_ = 0;          // of what there is
    bool news_ = true;                  // that dirty_ knows nothing of
    std::uint64_t next_event_ = 0;      // not looked at yet
    std::uint64_t seen_tokens_ = 0;     // that were stored

    std::unique_ptr<DiskJob> job_;
    std::uint64_t job_digest_ = 0;
    ngx_msec_t began_ = 0;              // the last job that writes
    ngx_msec_t checked_ = 0;
    ngx_msec_t looked_ = 0;
    ngx_msec_t failed_ = 0;
    DiskProblem problem_;               // what the log says
};

/// Whether something has happened that is to be on disk soon.
bool Writer::hears_news()
{
    keys::Journal &journal = zone_.pool.journal();

    news_ = news_
        || zone_.pool.header().tokens_stored.load() != seen_tokens_;

    for (keys::Event event; !news_; ++next_event_) {
        keys::Journal::Read read = journal.read(next_event_, event);

        if (read == keys::Journal::Read::none) {
            break;
        }

        // Signatures are not kept here, and there are many of them.
        news_ = read == keys::Journal::Read::lost
                || event.kind != keys::EventKind::signature_kept;
    }

    return news_;
}

/// Whether there is something that is not in the file; known by a digest of
/// all that can be written, without the secrets, whose sealed form is another
/// each time: in their place there is the number of changes of keys, and
/// whether there is a secret to seal them with: workers of an older
/// configuration may leave them out.
bool Writer::changed(ngx_msec_t now)
{
    next_event_ = zone_.pool.journal().next();
    news_ = false;
    checked_ = now;

    seen_tokens_ = zone_.pool.header().tokens_stored.load();
    std::uint64_t keys_version = zone_.pool.header().keys_version.load();

    std::string text = share::write_state(zone_.pool, view(zone_.conf->name),
        nullptr, {}, now_ms());
    std::uint64_t sealed = seal_of(zone_) != nullptr ? 1 : 0;
    std::uint64_t digest = keys::mix(hash64(text,
        keys_version * 2 + sealed + keys::mix(seen_tokens_)));

    digest_ = digest != 0 ? digest : 1;
    dirty_ = digest_ != zone_.state_report().written.load();

    return dirty_;
}

void Writer::turn(ngx_log_t *log)
{
    // Also while a thread is at it: nobody else is to begin then.
    bool holds = lease_.hold();

    if (job_ != nullptr) {
        if (job_->done()) {
            end_job(log);
        }

        return;
    }

    ngx_msec_t now = ngx_current_msec;

    if (!holds || (problem_.step != nullptr
                   && now - failed_ < pause_after_failure))
    {
        return;
    }

    if (!blocked_ && mark_.looked
        && (((hears_news() || dirty_) && now - began_ >= pause_between_writes)
            || now - checked_ >= check_every)
        && changed(now))
    {
        begin_write(log);

    } else if (!mark_.looked || now - looked_ >= look_every) {
        begin({}, log);
    }
}

void Writer::begin(std::string text, ngx_log_t *log)
{
    looked_ = ngx_current_msec;
    job_ = std::make_unique<DiskJob>(path_, share::max_state_bytes, mark_,
        std::move(text));

    int error = job_->start();

    if (error != 0) {
        fail({"pthread_create()", error}, job_->writes(), log);
        job_.reset();
    }
}

bool Writer::begin_write(ngx_log_t *log)
{
    bool random = true;
    std::string text = share::write_state(zone_.pool, view(zone_.conf->name),
        seal_of(zone_), [&random](char *bytes, std::size_t size) {
            // The same nonce twice would tell what is sealed.
            random &= RAND_bytes(reinterpret_cast<unsigned char *>(bytes),
                static_cast<int>(size)) == 1;
        }, now_ms());

    began_ = ngx_current_msec;

    if (!random) {
        fail({"RAND_bytes()", 0}, true, log);
        return false;
    }

    job_digest_ = digest_;
    begin(std::move(text), log);

    return job_ != nullptr;
}

void Writer::end_job(ngx_log_t *log)
{
    std::unique_ptr<DiskJob> job = std::move(job_);
    bool writes = job->writes();

    switch (job->outcome()) {
    case DiskJob::Outcome::failed:
        fail(job->problem(), writes, log);
        return;

    case DiskJob::Outcome::busy:
        return;

    case DiskJob::Outcome::changed:
        mark_ = job->mark();
        merge(job->found(), log);
        return;

    case DiskJob::Outcome::unchanged:
        break;

    case DiskJob::Outcome::written:
        mark_ = job->mark();
        zone_.state_report().written.store(job_digest_);
        dirty_ = false;
    }

    // A look says nothing of whether writing works.
    if (problem_.step != nullptr && (writes || !dirty_)) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
            "gemini: state file \"%V\" is in use again", &zone_.conf->state);
        problem_ = {};
    }
}

/// What another has written.
void Writer::merge(const std::string &text, ngx_log_t *log)
{
    share::StateResult result;

    {
        ZoneLock lock(zone_.shm);
        result = share::read_state(text, view(zone_.conf->name),
            seal_of(zone_), zone_.pool, now_ms());
    }

    blocked_ = !may_be_replaced(result.read);
    tell(zone_, mark_, result, log);

    // Whether it holds all that there is here is found out at the next check.
    zone_.state_report().written.store(0);

    ngx_log_debug2(NGX_LOG_DEBUG_CORE, log, 0,
        "gemini: state file \"%V\" read, %uz entries", &zone_.conf->state,
        result.taken);
}

void Writer::fail(const DiskProblem &problem, bool writing, ngx_log_t *log)
{
    failed_ = ngx_current_msec;

    bool known = problem_.step != nullptr && problem_.error == problem.error
                 && std::string_view(problem_.step) == problem.step;

    problem_ = problem;

    if (!known) {
        ngx_log_error(NGX_LOG_ERR, log, problem.error,
            "gemini: state file \"%V\" cannot be %s, %s failed, tried again "
            "every %M s", &zone_.conf->state, writing ? "written" : "read",
            problem.step, pause_after_failure / 1000);
    }
}

/// false: it takes too long. The thread then has what it works on for itself.
bool Writer::wait(ngx_log_t *log)
{
    for (ngx_msec_t waited = 0; !job_->done(); waited += nap) {
        if (waited >= patience) {
            ngx_log_error(NGX_LOG_ERR, log, 0,
                "gemini: the disk of state file \"%V\" does not answer",
                &zone_.conf->state);
            static_cast<void>(job_.release());
            return false;
        }

        ngx_msleep(nap);
    }

    end_job(log);

    return true;
}

void Writer::finish(ngx_log_t *log)
{
    if (job_ != nullptr && !wait(log)) {
        return;
    }

    // Others that end too, or the workers of another binary, may be at it;
    // with what they have written there may be nothing left to do.
    for (int i = 0; i < last_attempts; ++i) {
        if (blocked_ || !changed(ngx_current_msec) || !begin_write(log)
            || !wait(log))
        {
            break;
        }

        if (!dirty_ || problem_.step != nullptr) {
            break;
        }

        ngx_msleep(nap);
    }

    lease_.release();
}

/// Of this worker.
struct Writers {
    std::vector<std::unique_ptr<Writer>> list;
    ngx_event_t timer;
    ngx_connection_t dummy;         // debug logging looks at its fd
};

Writers *writers;

void take_turns(ngx_event_t *ev)
{
    guarded(ev->log, false, [&] {
        for (const std::unique_ptr<Writer> &writer : writers->list) {
            writer->turn(ev->log);
        }

        return true;
    });

    if (!ngx_exiting && !ngx_terminate && !ngx_quit) {
        ngx_add_timer(ev, tick);
    }
}

}

void read_state_file(PoolZone &zone, ngx_log_t *log)
{
    std::string text;
    FileMark mark;
    DiskProblem problem;

    if (!read_whole(path_of(zone), share::max_state_bytes, text, mark,
            problem))
    {
        ngx_log_error(NGX_LOG_ERR, log, problem.error,
            "gemini: state file \"%V\" cannot be read, %s failed",
            &zone.conf->state, problem.step);
        return;
    }

    share::StateResult result = share::read_state(text, view(zone.conf->name),
        seal_of(zone), zone.pool, now_ms());

    tell(zone, mark, result, log);
}

void start_state_files(ngx_cycle_t *cycle)
{
    guarded(cycle->log, false, [&] {
        auto made = std::make_unique<Writers>();

        for (PoolConf *pool : pools_of(cycle)) {
            if (pool->state.len != 0) {
                made->list.push_back(std::make_unique<Writer>(*pool->zone));
            }
        }

        if (made->list.empty()) {
            return true;
        }

        writers = made.release();

        writers->dummy.fd = static_cast<ngx_socket_t>(-1);
        writers->timer.handler = take_turns;
        writers->timer.data = &writers->dummy;
        writers->timer.log = cycle->log;
        writers->timer.cancelable = 1;

        ngx_add_timer(&writers->timer, tick);

        return true;
    });
}

void stop_state_files()
{
    if (writers == nullptr) {
        return;
    }

    std::unique_ptr<Writers> mine(std::exchange(writers, nullptr));

    if (mine->timer.timer_set) {
        ngx_del_timer(&mine->timer);
    }

    for (const std::unique_ptr<Writer> &writer : mine->list) {
        guarded(mine->timer.log, false, [&] {
            writer->finish(mine->timer.log);
            return true;
        });
    }
}

}
