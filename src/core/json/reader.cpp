// How the tokens of a text become calls of a table's functions. Nothing is
// built on the way: values are slices of the text, a path exists only once
// somebody asks for it.
#include "core/json/reader.hpp"

#include "core/json/scanner.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <utility>

namespace gw::json {

namespace {

std::string_view type_name(Type type)
{
    switch (type) {
    case Type::null:
        return "null";
    case Type::boolean:
        return "a boolean";
    case Type::number:
        return "a number";
    case Type::string:
        return "a string";
    case Type::object:
        return "an object";
    case Type::array:
        return "an array";
    }

    return "";
}

/// An object or array that is being filled.
struct Level {
    const Shape *shape;
    void *target;
    /// Object: of the member at hand; null when the name is unknown. Array:
    /// the shape's element.
    const Field *field;
    /// Array: values begun so far. Object: where the next name is looked for
    /// first, since the tables follow the order in which upstream writes.
    std::size_t index;
    Type type;
    bool begun;                 // it has had a member or an element
};

bool same_name(const Field &field, std::string_view name)
{
    return field.name.size() == name.size()
           && std::memcmp(field.name.data(), name.data(), name.size()) == 0;
}

const Field *find_beside(const Shape &shape, std::string_view name)
{
    for (std::size_t i = 0; i < shape.count; ++i) {
        if (same_name(shape.fields[i], name)) {
            return &shape.fields[i];
        }
    }

    return nullptr;
}

const Field *find_field(Level &level, std::string_view name)
{
    const Field *fields = level.shape->fields;
    std::size_t count = level.shape->count;
    std::size_t at = level.index;

    for (std::size_t i = 0; i < count; ++i, ++at) {
        at = at >= count ? 0 : at;

        if (same_name(fields[at], name)) {
            level.index = at + 1;
            return &fields[at];
        }
    }

    return level.shape->beside == nullptr
        ? nullptr : find_beside(*level.shape->beside, name);
}

Error invalid(std::string message)
{
    return Error{ErrorKind::bad_request, std::move(message), {}, {}, 0};
}

}

/// One run. A function that returns false has ended it: a field has failed, or
/// the scanner has.
struct Reader::State {
    State(Reader &of, std::string_view document)
        : reader(of), text(document), scanner(document)
    {
        reader.state_ = this;
    }

    State(const State &) = delete;
    State &operator=(const State &) = delete;

    ~State() { reader.state_ = nullptr; }

    Level &top() { return levels[filled - 1]; }
    bool lenient() const { return reader.strictness_ == Strictness::lenient; }

    bool wrong_type(std::string_view expected, Type type)
    {
        std::string message = "expected ";
        message += expected;
        message += ", got ";
        message += type_name(type);
        reader.fail(std::move(message));

        return false;
    }

    bool too_deep()
    {
        reader.fail_at({}, "the JSON is nested more than "
            + std::to_string(max_depth) + " levels deep");

        return false;
    }

    void fill(const Frame &frame, Type type)
    {
        levels[filled++] = Level{frame.shape, frame.target,
            type == Type::array ? frame.shape->element : nullptr, 0, type,
            false};
    }

    std::string_view since(std::size_t begin) const
    {
        return text.substr(begin, scanner.position() - begin);
    }

    bool run(const Shape &root, void *target);

    // The loop's parts, each called from one place.
    [[gnu::always_inline]] bool value(char first);
    [[gnu::always_inline]] bool next(char &first);
    [[gnu::always_inline]] bool expected_name(Level &level);
    [[gnu::always_inline]] bool begin(Type type);
    [[gnu::always_inline]] bool end();

    bool any_name(Level &level);
    bool skip();
    bool scan_scalar(char first, Scalar &scalar, bool Field::*&takes);
    bool take_scalar(const Field &field, const Scalar &scalar,
        bool Field::*takes, std::size_t from);

    Reader &reader;
    std::string_view text;
    Scanner scanner;

    /// Objects and arrays that are open and filled; what nothing takes is
    /// skipped in one go.
    std::size_t filled = 0;
    Level levels[max_depth];

    bool failed = false;
    Error error;
};

bool Reader::State::skip()
{
    return scanner.skip(max_depth - filled)
           || (scanner.too_deep() && too_deep());
}

bool Reader::State::scan_scalar(char first, Scalar &scalar,
    bool Field::*&takes)
{
    std::string_view token;

    switch (first) {

    case '"':
        scalar.type = Type::string;
        takes = &Field::takes_string;

        if (!scanner.string(token, scalar.string.escaped)) {
            return false;
        }

        scalar.string.raw = token;
        return true;

    case 't':
    case 'f':
        scalar.type = Type::boolean;
        scalar.boolean = first == 't';
        takes = &Field::takes_boolean;
        return scanner.literal(scalar.boolean ? "true" : "false");

    case 'n':
        scalar.type = Type::null;
        takes = &Field::takes_null;
        return scanner.literal("null");

    default:
        scalar.type = Type::number;
        takes = &Field::takes_number;

        if (first != '-' && (first < '0' || first > '9')) {
            return scanner.fail();
        }

        if (!scanner.number(token)) {
            return false;
        }

        scalar.string = String(token);
        return true;
    }
}

bool Reader::State::take_scalar(const Field &field, const Scalar &scalar,
    bool Field::*takes, std::size_t from)
{
    if (scalar.type == Type::null && !field.takes_null) {
        return true;
    }

    if (field.raw != nullptr) {
        field.raw(reader, top().target, Raw{since(from), scalar.type});
        return !failed;
    }

    if (field.scalar != nullptr && field.*takes) {
        field.scalar(reader, top().target, scalar);
        return !failed;
    }

    return lenient() || wrong_type(field.expected, scalar.type);
}

/// Of an object or array that is no raw one.
inline bool Reader::State::begin(Type type)
{
    Level &level = top();
    const Field &field = *level.field;

    if (filled == max_depth) {
        return too_deep();
    }

    auto open = type == Type::object ? field.open_object : field.open_array;

    if (open == nullptr) {
        return lenient() ? skip() : wrong_type(field.expected, type);
    }

    Frame frame = open(reader, level.target);

    if (failed) {
        return false;
    }

    if (frame.shape == nullptr) {
        return skip();
    }

    scanner.step();
    fill(frame, type);

    return true;
}

inline bool Reader::State::value(char first)
{
    const Field *field = top().field;
    std::size_t from = scanner.position();

    if (first == '{' || first == '[') {
        Type type = first == '{' ? Type::object : Type::array;

        if (field != nullptr && field->raw == nullptr) {
            return begin(type);
        }

        if (!skip()) {
            return false;
        }

        if (field != nullptr) {
            field->raw(reader, top().target, Raw{since(from), type});
        }

        return !failed;
    }

    Scalar scalar;
    bool Field::*takes;

    return scan_scalar(first, scalar, takes)
           && (field == nullptr || take_scalar(*field, scalar, takes, from));
}

inline bool Reader::State::end()
{
    Level level = top();

    scanner.step();
    --filled;

    if (level.shape->close != nullptr) {
        level.shape->close(reader, level.target);
    }

    return !failed;
}

/// Upstream writes its members in one order, from which some may be missing.
inline bool Reader::State::expected_name(Level &level)
{
    constexpr std::size_t most_missing = 2;

    std::size_t last = std::min(level.index + most_missing + 1,
        level.shape->count);

    for (std::size_t i = level.index; i < last; ++i) {
        if (scanner.take(level.shape->fields[i].name)) {
            level.field = &level.shape->fields[i];
            level.index = i + 1;
            return true;
        }
    }

    return false;
}

bool Reader::State::any_name(Level &level)
{
    std::string_view name;
    bool escaped;

    if (!scanner.member(name, escaped)) {
        return false;
    }

    level.field = find_field(level, escaped
        ? String(name, true).decode(reader.arena_) : name);

    return true;
}

/// To the next value of the innermost level, whose first byte it gives; '\0':
/// the level has ended.
inline bool Reader::State::next(char &first)
{
    Level &level = top();
    bool object = level.type == Type::object;
    char c = scanner.peek();

    if (c == (object ? '}' : ']')) {
        first = '\0';
        return end();
    }

    if (level.begun) {
        if (c != ',') {
            return scanner.fail();
        }

        scanner.step();
        c = scanner.peek();
    }

    level.begun = true;

    if (object) {
        if (!(c == '"' && expected_name(level) ? scanner.colon()
                                               : any_name(level)))
        {
            return false;
        }

        c = scanner.peek();

    } else {
        ++level.index;
    }

    first = c;
    return !scanner.at_end() || scanner.fail();
}

bool Reader::State::run(const Shape &root, void *target)
{
    char c = scanner.peek();

    if (c != '{') {
        Scalar scalar;
        bool Field::*takes;

        if (c == '[') {
            return wrong_type("a JSON object", Type::array);
        }

        return scan_scalar(c, scalar, takes)
            && wrong_type("a JSON object", scalar.type);
    }

    scanner.step();
    fill(Frame{&root, target}, Type::object);

    while (filled != 0) {
        if (!next(c) || (c != '\0' && !value(c))) {
            return false;
        }
    }

    scanner.peek();

    return scanner.at_end() || scanner.fail();
}

Reader::Reader(Arena &arena, Strictness strictness)
    : arena_(arena), strictness_(strictness)
{
}

Result<void> Reader::read(std::string_view text, const Shape &root,
    void *target)
{
    if (text.empty()) {
        return invalid("invalid JSON: there is none");
    }

    State state(*this, text);

    if (state.run(root, target)) {
        return {};
    }

    if (state.failed) {
        return std::move(state.error);
    }

    std::string at = " at byte " + std::to_string(state.scanner.position());

    switch (state.scanner.problem()) {

    case Scanner::Problem::not_utf8:
        return invalid("invalid JSON: not UTF-8" + at);

    case Scanner::Problem::unfinished:
        return invalid("invalid JSON: it ends unfinished" + at);

    default:
        return invalid("invalid JSON" + at);
    }
}

void Reader::fail(std::string message, std::string code)
{
    fail_at(path(), std::move(message), std::move(code));
}

void Reader::fail_at(std::string param, std::string message, std::string code)
{
    assert(state_ != nullptr);

    if (state_ == nullptr || state_->failed) {
        return;
    }

    state_->failed = true;
    state_->error = Error{ErrorKind::bad_request, std::move(message),
        std::move(param), std::move(code), 0};
}

std::string Reader::path() const
{
    std::string path;

    if (state_ == nullptr) {
        return path;
    }

    for (std::size_t i = 0; i < state_->filled; ++i) {
        const Level &level = state_->levels[i];

        if (level.type == Type::array) {
            if (level.index > 0) {
                path += '[';
                path += std::to_string(level.index - 1);
                path += ']';
            }

        } else if (level.field != nullptr) {
            if (!path.empty()) {
                path += '.';
            }

            path += level.field->name;
        }
    }

    return path;
}

}
