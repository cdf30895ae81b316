// Writing: what is newer here than in Redis, then what the journal tells.
#include "nginx/redis_sync.hpp"

#include "nginx/glue.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <utility>

namespace gw::ngx {

namespace {

/// Between two looks at the queue no more than this is put into it.
constexpr std::size_t max_queue = 10 * 1000;

constexpr std::int64_t hour_ms = 3600 * 1000;

/// A total in Redis that is so far below ours is not late but lost: Redis has
/// come back with an old copy.
bool is_lost(std::int64_t there, std::int64_t here)
{
    return here - there > std::max<std::int64_t>(20, there / 20);
}

}

/// As long as a rest is of use to anybody: the doubling looks back, and a
/// reset has to outlive the rest it ended, wherever that is still known.
bool RedisSync::is_over(const keys::RestChange &change)
{
    std::int64_t now = now_ms();

    return change.rest.until_ms != 0
        ? change.rest.until_ms + hour_ms < now
              && change.when_ms + hour_ms < now
        : change.when_ms + 24 * hour_ms < now;
}

/// Takes out of unsent what is more than was used in the last minute.
std::vector<keys::UseDelta> RedisSync::split_old(
    std::vector<keys::UseDelta> &unsent, const CountMap &used)
{
    std::vector<keys::UseDelta> old;

    for (keys::UseDelta &use : unsent) {
        auto known = used.find(share::use_field(use.owner, use.model));
        Counts most = known != used.end() ? known->second : Counts();
        keys::UseDelta rest = use;

        use.requests = std::min(use.requests, most.requests);
        use.tokens = std::min(use.tokens, most.tokens);
        rest.requests -= use.requests;
        rest.tokens -= use.tokens;

        if (rest.requests != 0 || rest.tokens != 0) {
            old.push_back(std::move(rest));
        }
    }

    return old;
}

void RedisSync::push_all()
{
    std::int64_t now = now_ms();

    for (const keys::RestChange &change : pool_.rests(now)) {
        std::string field = share::use_field(change.owner, change.model);
        auto there = standing_.rests.find(field);

        if (!is_over(change) && (there == standing_.rests.end()
                                 || there->second < change.when_ms))
        {
            push_rest(change);
        }
    }

    for (const keys::LearnedLimit &limit : pool_.learned(now)) {
        share::Entry entry = share::write_limit(limit, offset());
        auto there = standing_.limits.find(entry.field);

        if (there == standing_.limits.end() || there->second < limit.when_ms)
        {
            push_limit(limit);
        }
    }

    for (keys::KeyChange &change : pool_.key_changes()) {
        auto there = standing_.keys.find(share::hex_id(change.id));

        if (there == standing_.keys.end() || there->second < change.when_ms) {
            push_key(std::move(change));
        }

        OPENSSL_cleanse(change.secret.data(), change.secret.size());
    }

    for (std::string &field : standing_.ended) {
        Outgoing out;
        out.kind = Outgoing::Kind::dropped_rest;
        out.entry.field = std::move(field);
        queue_.push_back(std::move(out));
    }

    push_totals();
}

// A total is what all hosts have counted; what this one has not told yet is
// added to it afterwards.
void RedisSync::push_totals()
{
    std::vector<keys::UseDelta> unsent = pool_.take_unsent();
    pool_.return_unsent(unsent);

    CountMap untold;

    for (const auto *uses : { &unsent, &uses_, &old_uses_ }) {
        for (const keys::UseDelta &use : *uses) {
            Counts &counts = untold[share::use_field(use.owner, use.model)];
            counts.requests += use.requests;
            counts.tokens += use.tokens;
        }
    }

    for (keys::UseTotal &total : pool_.totals(now_ms())) {
        std::string field = share::use_field(total.owner, total.model);
        auto there = standing_.day.find(field);
        auto known = untold.find(field);

        if (known != untold.end()) {
            total.requests -= known->second.requests;
            total.tokens -= known->second.tokens;
        }

        if (total.requests <= 0 || total.day != standing_.day_number) {
            continue;
        }

        total.tokens = std::max<std::int64_t>(total.tokens, 0);

        Outgoing out;
        out.kind = Outgoing::Kind::missing_total;

        if (there != standing_.day.end()) {
            if (!joining_ || !is_lost(there->second.requests, total.requests))
            {
                continue;
            }

            out.kind = Outgoing::Kind::lower_total;
        }

        out.total = std::move(total);
        queue_.push_back(std::move(out));
    }

    for (keys::UseDelta &use : old_uses_) {
        Outgoing out;
        out.kind = Outgoing::Kind::old_use;
        out.use = std::move(use);
        queue_.push_back(std::move(out));
    }

    old_uses_.clear();
}

void RedisSync::push_rest(const keys::RestChange &change)
{
    // Of before there was anybody to compare with.
    if (change.when_ms != 0) {
        Outgoing out;
        out.kind = Outgoing::Kind::rest;
        out.entry = share::write_rest(change, offset());
        queue_.push_back(std::move(out));
    }
}

void RedisSync::push_limit(const keys::LearnedLimit &limit)
{
    Outgoing out;
    out.kind = Outgoing::Kind::limit;
    out.entry = share::write_limit(limit, offset());
    queue_.push_back(std::move(out));
}

void RedisSync::push_key(keys::KeyChange &&change)
{
    std::string sealed;

    if (change.added && !change.removed) {
        unsigned char nonce[share::Seal::nonce_size];

        if (seal_ == nullptr || RAND_bytes(nonce, sizeof(nonce)) != 1) {
            return;
        }

        sealed = seal_->close(change.secret, share::hex_id(change.id),
            { reinterpret_cast<const char *>(nonce), sizeof(nonce) });

        if (sealed.empty()) {
            return;
        }
    }

    Outgoing out;
    out.kind = Outgoing::Kind::key;
    out.entry = share::write_key(change, sealed, offset());
    queue_.push_back(std::move(out));
}

void RedisSync::push_signature(std::uint64_t id)
{
    std::string signature;

    if (zone_.signatures().find(id, signature) && is_signature(signature)) {
        Outgoing out;
        out.kind = Outgoing::Kind::signature;
        out.entry = { share::hex_id(id), std::move(signature) };
        queue_.push_back(std::move(out));
    }
}

void RedisSync::push_resource(std::uint64_t id)
{
    std::int64_t now = now_ms();

    if (auto resource = pool_.resources().known(id, now)) {
        Outgoing out;
        out.kind = Outgoing::Kind::resource;
        out.entry = share::write_resource(*resource, offset());
        out.seconds = (resource->expires_ms - now) / 1000 + 1;
        queue_.push_back(std::move(out));
    }
}

void RedisSync::read_journal()
{
    const keys::Journal &journal = pool_.journal();

    while (queue_.size() < max_queue) {
        keys::Event event;

        switch (journal.read(position_, event)) {

        case keys::Journal::Read::none:
            return;

        case keys::Journal::Read::lost:
            ++position_;
            check_soon(0);
            break;

        case keys::Journal::Read::ok:
            ++position_;

            if (!event.remote) {
                tell(event);
            }

            break;
        }
    }
}

void RedisSync::tell(const keys::Event &event)
{
    switch (event.kind) {

    case keys::EventKind::rested:
    case keys::EventKind::woke:
    case keys::EventKind::reset:
        if (auto change = pool_.rest_of(event)) {
            push_rest(*change);
        }

        break;

    case keys::EventKind::key_added:
    case keys::EventKind::key_changed:
    case keys::EventKind::key_removed:
        if (auto change = pool_.key_of(event)) {
            push_key(std::move(*change));
            OPENSSL_cleanse(change->secret.data(), change->secret.size());
        }

        break;

    case keys::EventKind::limit_learned:
        if (auto limit = pool_.limit_of(event)) {
            push_limit(*limit);
        }

        break;

    case keys::EventKind::signature_kept:
        push_signature(event.owner);
        break;

    case keys::EventKind::resource_kept:
        push_resource(event.owner);
        break;

    case keys::EventKind::kinds:
        break;
    }
}

void RedisSync::send()
{
    if (waiting_ || connection_ == nullptr) {
        return;
    }

    read_journal();

    RedisBatch batch(names_, zone_.host_id(), redis_now());

    while (!queue_.empty() && !batch.full()) {
        add(batch, queue_.front());
        queue_.pop_front();
    }

    if (queue_.empty() && uses_.empty()) {
        uses_ = pool_.take_unsent();
    }

    while (queue_.empty() && !uses_.empty() && !batch.full()) {
        batch.add_use(uses_.back(), RedisBatch::Told::everybody);
        sent_uses_.push_back(std::move(uses_.back()));
        uses_.pop_back();
    }

    if (!batch.empty()) {
        waiting_ = true;
        batch.send(*connection_,
            [this](const RedisBatch::Outcome &outcome) { sent(outcome); },
            handlers_.refused);

    } else {
        tell_in_step();
    }
}

void RedisSync::tell_in_step()
{
    if (!told_in_step_ && queue_.empty()) {
        told_in_step_ = true;
        handlers_.in_step();
    }
}

void RedisSync::add(RedisBatch &batch, const Outgoing &out)
{
    switch (out.kind) {

    case Outgoing::Kind::rest:
        batch.add_rest(out.entry);
        break;

    case Outgoing::Kind::limit:
        batch.add_limit(out.entry);
        break;

    case Outgoing::Kind::key:
        batch.add_key(out.entry);
        break;

    case Outgoing::Kind::signature:
        batch.add_signature(out.entry.field, out.entry.value);
        break;

    case Outgoing::Kind::resource:
        batch.add_resource(out.entry, out.seconds);
        break;

    case Outgoing::Kind::missing_total:
        batch.set_total(out.total, RedisBatch::Over::nothing);
        break;

    case Outgoing::Kind::lower_total:
        batch.set_total(out.total, RedisBatch::Over::anything);
        break;

    case Outgoing::Kind::old_use:
        batch.add_use(out.use, RedisBatch::Told::nobody);
        sent_uses_.push_back(out.use);
        break;

    case Outgoing::Kind::dropped_rest:
        batch.drop_rest(out.entry.field);
        break;
    }
}

void RedisSync::sent(const RedisBatch::Outcome &outcome)
{
    waiting_ = false;
    sent_uses_.clear();
    pool_.return_unsent(outcome.failed);
    zone_.link_report().sent.fetch_add(outcome.messages);

    for (const keys::UseTotal &total : outcome.totals) {
        totals_.push_back({ now_ms() + 1000, total });
    }

    tell_in_step();
}

}
