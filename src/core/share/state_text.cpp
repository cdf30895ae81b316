// The state file's text. Written whole; read only when its digest is right, so
// that a file cut off by a full disk says nothing instead of half the truth.
#include "core/share/state_text.hpp"

#include "core/account/token_reply.hpp"
#include "core/base/base64url.hpp"
#include "core/base/text.hpp"
#include "core/keys/digest.hpp"
#include "core/share/codec.hpp"

#include <openssl/crypto.h>

#include <charconv>
#include <optional>
#include <vector>

namespace gw::share {

namespace {

constexpr std::string_view magic = "gemini-state ";
constexpr unsigned version = 1;
constexpr std::string_view end_word = "end ";
constexpr std::size_t hex_digest = 64;

// So that nothing that was sealed as a key opens as a token.
const char token_context[] = "token ";

void wipe(std::string &secret)
{
    OPENSSL_cleanse(secret.data(), secret.size());
    secret.clear();
}

/// The secrets of all of them go with it.
struct KeyChanges {
    std::vector<keys::KeyChange> list;

    ~KeyChanges()
    {
        for (keys::KeyChange &change : list) {
            wipe(change.secret);
        }
    }
};

std::string digest_text(std::string_view text)
{
    constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    hex.reserve(hex_digest);

    for (unsigned char byte : keys::digest_of(text)) {
        hex += digits[byte >> 4];
        hex += digits[byte & 15];
    }

    return hex;
}

void add_line(std::string &text, std::string_view kind, const Entry &entry)
{
    text += kind;
    text += ' ';
    text += entry.field;
    text += ' ';
    text += entry.value;
    text += '\n';
}

void add_keys(std::string &text, const keys::Pool &pool, const Seal *seal,
    const std::function<void(char *, std::size_t)> &random)
{
    KeyChanges changes{pool.key_changes()};

    for (const keys::KeyChange &change : changes.list) {
        std::string sealed;

        if (change.added && !change.removed) {
            if (seal != nullptr) {
                char nonce[Seal::nonce_size];
                random(nonce, sizeof(nonce));
                sealed = seal->close(change.secret, hex_id(change.id),
                    {nonce, sizeof(nonce)});
            }

            if (sealed.empty()) {
                continue;
            }
        }

        add_line(text, "key", write_key(change, sealed, 0));
    }
}

constexpr std::string_view in_the_clear = "plain:";
constexpr std::string_view under_seal = "sealed:";

/// Accounts may be as many as places, and none need have a token.
void add_tokens(std::string &text, const keys::Pool &pool, const Seal *seal,
    const std::function<void(char *, std::size_t)> &random,
    std::int64_t now_ms)
{
    const keys::TokenTable &tokens = pool.tokens();

    for (std::size_t i = 0; i < tokens.capacity(); ++i) {
        std::uint64_t id = tokens.id_at(i);
        std::optional<keys::TokenState> state = tokens.state(i, id);

        if (id == 0 || !state || !state->usable(now_ms)) {
            continue;
        }

        std::optional<keys::Token> token = tokens.read(i, id);

        if (!token) {
            continue;
        }

        std::string secret(in_the_clear);

        if (seal != nullptr) {
            char nonce[Seal::nonce_size];
            random(nonce, sizeof(nonce));
            secret = seal->close(token->text, token_context + hex_id(id),
                {nonce, sizeof(nonce)});
            secret = secret.empty() ? secret : std::string(under_seal)
                                                   + secret;

        } else {
            secret += base64url(token->text);
        }

        if (!secret.empty()) {
            add_line(text, "token", { hex_id(id),
                std::to_string(token->expires_ms) + " " + secret });
        }

        wipe(token->text);
        wipe(secret);
    }
}

/// Takes the next line off; without one, all there is.
std::string_view take_line(std::string_view &text)
{
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);

    return line;
}

std::string_view take_word(std::string_view &line)
{
    std::size_t end = line.find(' ');
    std::string_view word = line.substr(0, end);
    line.remove_prefix(end == line.npos ? line.size() : end + 1);

    return word;
}

/// Takes the last line off, which has the digest of all before it.
bool whole(std::string_view &text)
{
    std::size_t size = end_word.size() + hex_digest + 1;

    if (text.size() < size) {
        return false;
    }

    std::string_view last = text.substr(text.size() - size);
    text.remove_suffix(size);

    return last.substr(0, end_word.size()) == end_word && last.back() == '\n'
           && last.substr(end_word.size(), hex_digest) == digest_text(text);
}

/// Merges line by line and counts what became of each.
class Merge {
public:
    Merge(const Seal *seal, keys::Pool &pool, std::int64_t now_ms)
        : seal_(seal), pool_(pool), now_ms_(now_ms)
    {
    }

    void line(std::string_view line)
    {
        std::string_view kind = take_word(line);
        std::string_view field = take_word(line);

        bool known = kind == "key"   ? key(field, line)
                   : kind == "rest"  ? rest(field, line)
                   : kind == "limit" ? limit(field, line)
                   : kind == "use"   ? use(field, line)
                   : kind == "token" ? token(field, line)
                   : kind == "res"   ? resource(field, line)
                                     : false;

        result.skipped += known ? 0 : 1;
    }

    StateResult result;

private:
    bool key(std::string_view field, std::string_view value)
    {
        std::optional<SealedKey> key = read_key(field, value, 0);

        if (!key) {
            return false;
        }

        keys::KeyChange &change = key->change;

        if (change.added && !change.removed) {
            std::optional<std::string> secret;

            if (seal_ != nullptr) {
                secret = seal_->open(key->sealed, field);
            }

            if (!secret || secret->size() > keys::KeyChange::max_secret
                || keys::credential_id(*secret) != change.id)
            {
                if (secret) {
                    wipe(*secret);
                }

                ++result.keys_unopened;
                return true;
            }

            change.secret = *secret;
            wipe(*secret);
        }

        // As from another host: what was done here by hand is always the
        // latest, what a file says only if it is later than what is known.
        keys::Pool::Changed changed = pool_.change_key(change, true, now_ms_);
        wipe(change.secret);
        took(changed == keys::Pool::Changed::done);

        return true;
    }

    bool rest(std::string_view field, std::string_view value)
    {
        std::optional<keys::RestChange> change = read_rest(field, value, 0);
        took(change && pool_.apply(*change, now_ms_));

        return change.has_value();
    }

    bool limit(std::string_view field, std::string_view value)
    {
        std::optional<keys::LearnedLimit> limit = read_limit(field, value, 0);
        took(limit && pool_.apply(*limit, now_ms_));

        return limit.has_value();
    }

    bool use(std::string_view field, std::string_view value)
    {
        std::optional<keys::UseTotal> total = read_total(field, value);

        if (!total) {
            return false;
        }

        pool_.apply(*total, now_ms_);
        ++result.taken;

        return true;
    }

    bool token(std::string_view field, std::string_view value)
    {
        std::optional<std::uint64_t> id = read_id(field);
        std::string_view until = take_word(value);
        std::int64_t expires_ms = 0;
        auto [end, error] = std::from_chars(until.data(),
            until.data() + until.size(), expires_ms);

        if (!id || error != std::errc() || end != until.data() + until.size())
        {
            return false;
        }

        std::optional<std::string> text;

        if (starts_with(value, in_the_clear)) {
            text = from_base64url(value.substr(in_the_clear.size()));

        } else if (!starts_with(value, under_seal)) {
            return false;

        } else if (seal_ != nullptr) {
            text = seal_->open(value.substr(under_seal.size()),
                token_context + std::string(field));
        }

        if (!text || !account::is_token(*text)) {
            // One that has expired is nobody's loss.
            result.keys_unopened += expires_ms > now_ms_ ? 1 : 0;

        } else if (expires_ms - now_ms_ <= account::longest_lifetime_ms) {
            took(pool_.restore_token(*id, *text, expires_ms, now_ms_));
        }

        if (text) {
            wipe(*text);
        }

        return true;
    }

    bool resource(std::string_view field, std::string_view value)
    {
        std::optional<keys::Resource> read = read_resource(field, value, 0);
        took(read && pool_.keep_resource(*read, true, now_ms_));

        return read.has_value();
    }

    void took(bool change) { result.taken += change ? 1 : 0; }

    const Seal *seal_;
    keys::Pool &pool_;
    std::int64_t now_ms_;
};

}

std::string write_state(const keys::Pool &pool, std::string_view pool_name,
    const Seal *seal, const std::function<void(char *, std::size_t)> &random,
    std::int64_t now_ms)
{
    std::string text(magic);
    text += std::to_string(version);
    text += ' ';
    text += pool_name;
    text += '\n';

    if (random) {
        // First: rests and usage of an added key need its record.
        add_keys(text, pool, seal, random);
        add_tokens(text, pool, seal, random, now_ms);

    } else {
        add_keys(text, pool, nullptr, random);
    }

    for (const keys::RestChange &change : pool.rests(now_ms)) {
        add_line(text, "rest", write_rest(change, 0));
    }

    for (const keys::LearnedLimit &limit : pool.learned(now_ms)) {
        add_line(text, "limit", write_limit(limit, 0));
    }

    for (const keys::UseTotal &total : pool.totals(now_ms)) {
        add_line(text, "use", write_total(total));
    }

    for (const keys::Resource &resource : pool.resources().all(now_ms)) {
        add_line(text, "res", write_resource(resource, 0));
    }

    std::string digest = digest_text(text);
    text += end_word;
    text += digest;
    text += '\n';

    return text;
}

StateResult read_state(std::string_view text, std::string_view pool_name,
    const Seal *seal, keys::Pool &pool, std::int64_t now_ms)
{
    Merge merge(seal, pool, now_ms);
    StateRead &read = merge.result.read;

    if (text.empty()) {
        read = StateRead::empty;
        return merge.result;
    }

    std::string_view body = text;
    std::string_view first = take_line(body);
    unsigned number = 0;

    if (first.substr(0, magic.size()) == magic) {
        first.remove_prefix(magic.size());
        std::string_view word = take_word(first);
        auto [end, error] = std::from_chars(word.data(),
            word.data() + word.size(), number);
        number = error == std::errc() && end == word.data() + word.size()
            ? number : 0;
    }

    // A later version may end in another way: its number is looked at first.
    if (number > version) {
        read = StateRead::newer;

    } else if (number == 0 || text.size() > max_state_bytes || !whole(text)) {
        read = StateRead::broken;

    } else if (first != pool_name) {
        read = StateRead::other_pool;

    } else {
        take_line(text);

        while (!text.empty()) {
            merge.line(take_line(text));
        }

        pool.refresh(now_ms);
    }

    return merge.result;
}

}
