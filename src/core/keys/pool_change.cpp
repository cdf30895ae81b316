// Keys found by what people call them, and changed while nginx runs.
#include "core/keys/pool.hpp"

#include "core/base/text.hpp"
#include "core/keys/wipe.hpp"

#include <algorithm>

namespace gw::keys {

namespace {

/// Shorter beginnings of a key are too easily guessed, or meant otherwise.
constexpr std::size_t min_prefix = 4;

constexpr std::size_t id_digits = 16;

/// nullopt: not 16 hex digits.
std::optional<std::uint64_t> id_in(std::string_view text)
{
    if (text.size() != id_digits) {
        return std::nullopt;
    }

    std::uint64_t id = 0;

    for (char c : text) {
        unsigned digit;

        if (c >= '0' && c <= '9') {
            digit = static_cast<unsigned>(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = static_cast<unsigned>((c | 0x20) - 'a') + 10;
        } else {
            return std::nullopt;
        }

        id = id << 4 | digit;
    }

    return id;
}

/// All but the time.
bool same(const KeyChange &a, const KeyChange &b)
{
    return a.added == b.added && a.removed == b.removed
        && a.enabled == b.enabled && a.weight == b.weight
        && a.name == b.name && a.project == b.project
        && a.secret == b.secret;
}

}

Pool::Found Pool::find(std::string_view text, std::int64_t now_ms)
{
    refresh(now_ms);

    Found by_name;
    Found by_prefix;
    std::optional<std::uint64_t> id = id_in(text);

    auto note = [](Found &found, std::size_t index) {
        found.ambiguous = found.credential != Choice::nobody;
        found.credential = index;
    };

    for (std::size_t i = 0; i < credentials_.size(); ++i) {
        const Credential &credential = credentials_[i];

        if (credential.removed) {
            continue;
        }

        if ((id && credential.id == *id) || credential.secret == text) {
            return { i, false };
        }

        if (credential.name == text && !by_name.ambiguous) {
            note(by_name, i);
        }

        // Of an account there is no key to begin.
        if (text.size() >= min_prefix && !by_prefix.ambiguous
            && !credential.account
            && starts_with(credential.secret, text))
        {
            note(by_prefix, i);
        }
    }

    Found found = by_name.credential != Choice::nobody ? by_name : by_prefix;

    if (found.ambiguous) {
        found.credential = Choice::nobody;
    }

    return found;
}

std::optional<KeyChange> Pool::settled(const KeyChange &change, bool remote,
    const std::optional<KeyChange> &known) const
{
    KeyChange settled = change;
    const KeyChange *mine = known && known->added && !known->removed
        ? &*known : nullptr;

    if (is_configured(change.id)) {

        if (change.removed) {
            return std::nullopt;
        }

        settled.added = false;
        settled.project.clear();
        wipe(settled.secret);

    } else if (mine != nullptr) {
        settled.added = true;

        if (change.removed) {
            settled.enabled = mine->enabled;
            settled.weight = mine->weight;
            settled.name = mine->name;
            settled.project = mine->project;
            wipe(settled.secret);

        } else if (change.secret.empty()) {
            settled.secret = mine->secret;
            settled.project = mine->project;
        }

    } else if (!change.added || change.removed || change.secret.empty()) {
        // Of a key that this host does not have: another's configuration has
        // it, or the hosts have no secret by which to tell each other keys.
        return std::nullopt;
    }

    if (!settled.secret.empty()
        && credential_id(settled.secret) != settled.id)
    {
        return std::nullopt;
    }

    if (!remote && known) {
        settled.when_ms = std::max(settled.when_ms, known->when_ms + 1);
    }

    return settled;
}

Pool::Changed Pool::change_key(const KeyChange &change, bool remote,
    std::int64_t now_ms)
{
    refresh(now_ms);

    KeyChange wanted = change;

    if (wanted.id == 0) {
        wanted.id = credential_id(wanted.secret);
    }

    std::optional<KeyChange> known = added_.find(wanted.id);
    std::optional<KeyChange> settled = this->settled(wanted, remote, known);
    Changed changed = settled ? write_change(*settled, known, remote, now_ms)
                              : Changed::unchanged;

    wipe(wanted.secret);

    if (known) {
        wipe(known->secret);
    }

    if (settled) {
        wipe(settled->secret);
    }

    return changed;
}

Pool::Changed Pool::write_change(const KeyChange &change,
    const std::optional<KeyChange> &known, bool remote, std::int64_t now_ms)
{
    bool fresh = !known || known->removed || !known->added;
    bool news = !known || !same(change, *known);

    if (known && change.when_ms <= known->when_ms) {
        return Changed::unchanged;
    }

    // Nothing to be told from the configuration's key.
    if (!known && same(change, KeyChange{})) {
        return Changed::unchanged;
    }

    if (change.added && !change.removed && !take_slot(change.id)) {
        return Changed::no_room;
    }

    bool full = false;

    if (!added_.write(change, full)) {

        if (change.added && !change.removed && fresh) {
            leave_slot(change.id);
        }

        return full ? Changed::no_room : Changed::unchanged;
    }

    if (!news) {
        return Changed::unchanged;
    }

    if (change.removed) {
        leave_slot(change.id);
    }

    header_->keys_version.fetch_add(1, std::memory_order_release);
    refresh(now_ms);

    EventKind kind = EventKind::key_changed;

    if (change.removed) {
        kind = EventKind::key_removed;
    } else if (change.added && fresh) {
        kind = EventKind::key_added;
    }

    tell(kind, change.id, 0, Rest{}, remote, now_ms);

    return Changed::done;
}

}
