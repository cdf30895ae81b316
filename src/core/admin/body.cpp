#include "core/admin/body.hpp"

#include "core/base/text.hpp"
#include "core/json/reader.hpp"
#include "core/json/tree.hpp"
#include "core/keys/added.hpp"
#include "core/keys/secret.hpp"
#include "core/keys/wipe.hpp"

#include <charconv>
#include <memory_resource>
#include <utility>

namespace gw::admin {

namespace {

using json::Node;
using json::Type;
using keys::KeyChange;

constexpr std::size_t max_shown = 64;
constexpr std::string_view weight_range = "a whole number from 1 to 1000 is "
                                          "expected";

Error bad_member(std::string_view name, std::string message)
{
    Error error;
    error.kind = ErrorKind::bad_request;
    error.message = "Invalid \"" + std::string(name) + "\": "
                    + std::move(message) + ".";
    error.param = name;
    error.code = "invalid_value";

    return error;
}

Error too_large(std::string message)
{
    Error error;
    error.kind = ErrorKind::payload_too_large;
    error.message = std::move(message);

    return error;
}

/// What is said about people's words must not show up in logs as lines.
std::string text_problem(std::string_view text, std::size_t most)
{
    if (text.empty()) {
        return "it is empty";
    }

    if (text.size() > most) {
        return "it is longer than " + std::to_string(most) + " bytes";
    }

    if (!valid_utf8(text)) {
        return "it is not UTF-8";
    }

    for (char c : text) {
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
            return "it holds a control character";
        }
    }

    return {};
}

std::string project_problem(std::string_view project, std::string_view secret)
{
    std::string problem = text_problem(project, KeyChange::max_project);

    if (problem.empty() && scrub(project, secret) != project) {
        problem = "it looks like a key";
    }

    return problem;
}

std::string key_problem(std::string_view secret)
{
    return starts_with(secret, "env:")
        ? "\"env:\" is for the configuration"
        : std::string(keys::secret_problem(secret));
}

/// The members of a body. An object that lives as long as the text.
class Members {
public:
    Members() : arena_(std::pmr::new_delete_resource()) {}

    Result<void> read(std::string_view text)
    {
        if (text.size() > max_json_body) {
            return too_large("The body is larger than 64 KB.");
        }

        // Checks that it is an object, in UTF-8 and not too deep.
        struct Nothing {} nothing;
        auto checked = json::read(text, json::Shape(), nothing, arena_);

        if (!checked) {
            return checked;
        }

        root_ = json::parse_tree(trim(text), arena_);
        return {};
    }

    const Node *first() const { return root_->first; }

    std::string_view decoded(const json::String &string)
    {
        return string.decode(arena_);
    }

    Error unknown(const Node &member)
    {
        return bad_member(scrub(decoded(member.key), {}, max_shown),
            "there is no such member");
    }

private:
    Arena arena_;
    const Node *root_ = nullptr;
};

/// nullopt: it is none.
std::optional<unsigned> weight_of(std::string_view text)
{
    unsigned weight = 0;
    auto parsed = std::from_chars(text.data(), text.data() + text.size(),
        weight);

    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()
        || weight < 1 || weight > max_weight)
    {
        return std::nullopt;
    }

    return weight;
}

Result<void> read_weight(const Node &member, std::optional<unsigned> &weight)
{
    weight = member.type == Type::number ? weight_of(member.string.raw)
                                         : std::nullopt;

    if (!weight && member.type != Type::null) {
        return bad_member("weight", std::string(weight_range));
    }

    return {};
}

/// null: empty.
Result<void> read_text(Members &members, const Node &member,
    std::string &text)
{
    if (member.type == Type::null) {
        return {};
    }

    std::string_view name = members.decoded(member.key);

    if (member.type != Type::string) {
        return bad_member(name, "a string is expected");
    }

    text = members.decoded(member.string);

    if (text.empty()) {
        return bad_member(name, "it is empty");
    }

    return {};
}

Result<void> check(const NewKey &key)
{
    std::string problem = key_problem(key.secret);

    if (!problem.empty()) {
        return bad_member("key", std::move(problem));
    }

    if (!key.name.empty()) {
        problem = name_problem(key.name, key.secret);
    }

    if (!problem.empty()) {
        return bad_member("name", std::move(problem));
    }

    if (!key.project.empty()) {
        problem = project_problem(key.project, key.secret);
    }

    if (!problem.empty()) {
        return bad_member("project", std::move(problem));
    }

    return {};
}

std::vector<std::string_view> words_of(std::string_view line)
{
    constexpr std::string_view blank = " \t\r;";

    std::vector<std::string_view> words;
    std::size_t at = 0;

    line = line.substr(0, line.find('#'));

    while ((at = line.find_first_not_of(blank, at)) != std::string_view::npos)
    {
        std::size_t end = line.find_first_of(blank, at);

        if (end == std::string_view::npos) {
            end = line.size();
        }

        words.push_back(line.substr(at, end - at));
        at = end;
    }

    return words;
}

/// Returns the problem; empty: none.
std::string read_option(std::string_view word, NewKey &key)
{
    std::size_t mark = word.find('=');
    std::string_view name = word.substr(0, mark);

    if (mark == std::string_view::npos
        || (name != "name" && name != "weight" && name != "project"))
    {
        return "unknown option; name=, weight= and project= may follow a key";
    }

    std::string_view value = word.substr(mark + 1);
    std::string problem;

    if (name == "weight") {
        key.weight = weight_of(value);

        if (!key.weight) {
            problem = weight_range;
        }

    } else if (name == "name") {
        key.name = value;
        problem = name_problem(value, key.secret);

    } else {
        key.project = value;
        problem = project_problem(value, key.secret);
    }

    return problem.empty() ? problem
                           : "invalid " + std::string(name) + ": " + problem;
}

void read_line(std::string_view text, ImportLine &line)
{
    std::vector<std::string_view> words = words_of(text);

    line.key.secret = words.front();
    line.problem = key_problem(line.key.secret);

    if (!line.problem.empty()) {
        line.problem = "invalid key: " + line.problem;
    }

    for (std::size_t i = 1; i < words.size() && line.problem.empty(); ++i) {
        line.problem = read_option(words[i], line.key);
    }
}

}

NewKey::~NewKey()
{
    keys::wipe(secret);
}

Result<NewKey> read_new_key(std::string_view text)
{
    Members members;
    auto read = members.read(text);

    if (!read) {
        return read.error();
    }

    NewKey key;

    for (const Node *member = members.first(); member != nullptr;
         member = member->next)
    {
        Result<void> taken;

        if (member->key.is("key")) {
            taken = read_text(members, *member, key.secret);
        } else if (member->key.is("name")) {
            taken = read_text(members, *member, key.name);
        } else if (member->key.is("project")) {
            taken = read_text(members, *member, key.project);
        } else if (member->key.is("weight")) {
            taken = read_weight(*member, key.weight);
        } else {
            taken = members.unknown(*member);
        }

        if (!taken) {
            return taken.error();
        }
    }

    if (key.secret.empty()) {
        return bad_member("key", "it is missing");
    }

    auto checked = check(key);

    if (!checked) {
        return checked.error();
    }

    return key;
}

Result<KeyEdit> read_key_edit(std::string_view text)
{
    Members members;
    auto read = members.read(text);

    if (!read) {
        return read.error();
    }

    KeyEdit edit;

    for (const Node *member = members.first(); member != nullptr;
         member = member->next)
    {
        Result<void> taken;

        if (member->key.is("enabled")) {
            if (member->type != Type::boolean) {
                return bad_member("enabled", "true or false is expected");
            }

            edit.enabled = member->boolean;

        } else if (member->key.is("name")) {
            std::string name;
            taken = read_text(members, *member, name);
            edit.name.emplace();

            if (!name.empty()) {
                edit.name->emplace(std::move(name));
            }

        } else if (member->key.is("weight")) {
            taken = read_weight(*member, edit.weight.emplace());

        } else {
            taken = members.unknown(*member);
        }

        if (!taken) {
            return taken.error();
        }
    }

    if (!edit.enabled && !edit.name && !edit.weight) {
        Error error;
        error.kind = ErrorKind::bad_request;
        error.message = "Nothing to change: \"enabled\", \"name\" or "
                        "\"weight\" is expected.";
        return error;
    }

    if (edit.name && *edit.name) {
        std::string problem = name_problem(**edit.name, {});

        if (!problem.empty()) {
            return bad_member("name", std::move(problem));
        }
    }

    return edit;
}

Result<std::vector<ImportLine>> read_import(std::string_view text)
{
    if (text.size() > max_import) {
        return too_large("The text is larger than 4 MB.");
    }

    std::vector<ImportLine> lines;
    std::size_t number = 0;

    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(line.size() < text.size() ? line.size() + 1
                                                     : line.size());
        ++number;

        if (words_of(line).empty()) {
            continue;
        }

        if (lines.size() == max_import_keys) {
            return too_large("The text has more than "
                             + std::to_string(max_import_keys) + " keys.");
        }

        lines.emplace_back().number = number;
        read_line(line, lines.back());
    }

    return lines;
}

std::string name_problem(std::string_view name, std::string_view secret)
{
    std::string problem = text_problem(name, KeyChange::max_name);

    // Names are shown and logged.
    if (problem.empty() && scrub(name, secret) != name) {
        problem = "it looks like a key";
    }

    return problem;
}

}
