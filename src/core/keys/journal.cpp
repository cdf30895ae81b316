// An entry is valid when its number and the check over its words fit. Nobody
// waits for a writer: what is not whole when it must be counts as lost.
#include "core/keys/journal.hpp"

#include "core/keys/mix.hpp"

namespace gw::keys {

namespace {

/// Storing an entry takes far less than looking so often.
constexpr int looks = 1000;

constexpr int remote_shift = 8;
constexpr int failure_shift = 16;

std::uint64_t kind_word(const Event &event)
{
    return static_cast<std::uint64_t>(event.kind)
        | static_cast<std::uint64_t>(event.remote) << remote_shift
        | static_cast<std::uint64_t>(event.failure) << failure_shift;
}

/// false: what no writer of this layout writes.
bool read_kind(std::uint64_t word, Event &event)
{
    std::uint64_t kind = word & 0xff;
    std::uint64_t failure = word >> failure_shift & 0xff;

    if (kind >= static_cast<std::uint64_t>(EventKind::kinds)
        || failure >= gemini::failure_classes)
    {
        return false;
    }

    event.kind = static_cast<EventKind>(kind);
    event.remote = (word >> remote_shift & 0xff) != 0;
    event.failure = static_cast<gemini::FailureClass>(failure);

    return true;
}

std::uint64_t check_of(const Event &event, std::uint64_t kind)
{
    std::uint64_t check = event.number + 1;

    for (std::uint64_t word : { kind, event.owner, event.model, event.value,
                                static_cast<std::uint64_t>(event.at_ms) })
    {
        check = mix(check ^ word);
    }

    return check;
}

}

std::string_view name_of(EventKind kind)
{
    switch (kind) {

    case EventKind::rested:
        return "rested";

    case EventKind::woke:
        return "woke";

    case EventKind::reset:
        return "reset";

    case EventKind::key_added:
        return "key_added";

    case EventKind::key_changed:
        return "key_changed";

    case EventKind::key_removed:
        return "key_removed";

    case EventKind::limit_learned:
        return "limit_learned";

    case EventKind::signature_kept:
        return "signature_kept";

    case EventKind::resource_kept:
        return "resource_kept";

    case EventKind::kinds:
        break;
    }

    return "unknown";
}

void Journal::append(const Event &event)
{
    Event numbered = event;
    numbered.number = next_->fetch_add(1);

    std::uint64_t valid = numbered.number + 1;
    JournalEntry &entry = entries_[numbered.number & (capacity_ - 1)];
    std::uint64_t seen = entry.number.load();

    do {
        if (seen > valid) {
            return;             // the ring has gone round since
        }

    } while (!entry.number.compare_exchange_weak(seen, 0));

    std::uint64_t kind = kind_word(numbered);

    entry.kind.store(kind, std::memory_order_relaxed);
    entry.owner.store(numbered.owner, std::memory_order_relaxed);
    entry.model.store(numbered.model, std::memory_order_relaxed);
    entry.value.store(numbered.value, std::memory_order_relaxed);
    entry.at_ms.store(static_cast<std::uint64_t>(numbered.at_ms),
        std::memory_order_relaxed);
    entry.check.store(check_of(numbered, kind), std::memory_order_relaxed);

    seen = 0;
    entry.number.compare_exchange_strong(seen, valid);
}

Journal::Read Journal::read(std::uint64_t number, Event &event) const
{
    const JournalEntry &entry = entries_[number & (capacity_ - 1)];
    std::uint64_t valid = number + 1;

    for (int i = 0; i < looks; ++i) {
        if (number >= next()) {
            return Read::none;
        }

        std::uint64_t seen = entry.number.load();

        if (seen > valid) {
            return Read::lost;
        }

        if (seen == valid) {
            Event found;
            found.number = number;

            std::uint64_t kind = entry.kind.load(std::memory_order_relaxed);
            found.owner = entry.owner.load(std::memory_order_relaxed);
            found.model = entry.model.load(std::memory_order_relaxed);
            found.value = entry.value.load(std::memory_order_relaxed);
            found.at_ms = static_cast<std::int64_t>(
                entry.at_ms.load(std::memory_order_relaxed));

            if (entry.check.load(std::memory_order_relaxed)
                == check_of(found, kind) && read_kind(kind, found))
            {
                event = found;
                return Read::ok;
            }
        }
    }

    // The change itself was written before its event, so whoever then looks
    // at everything sees it even if the writer is only slow. Of the newest
    // event the writer may be in the middle.
    return next() > valid ? Read::lost : Read::none;
}

}
