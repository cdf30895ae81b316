// How yajl's events become calls of a table's functions. Nothing is built on
// the way: values are slices of the text, a path exists only once somebody
// asks for it.
#include "core/json/reader.hpp"

#include "core/base/text.hpp"
#include "core/json/yajl_memory.hpp"

#include <yajl/yajl_parse.h>

#include <cassert>
#include <cstdint>
#include <cstring>
#include <exception>
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

bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// Nothing but printable ASCII, which is what most documents on one line are.
bool is_plain(std::string_view text)
{
    constexpr std::uint64_t ones = UINT64_C(0x0101010101010101);
    constexpr std::uint64_t high = ones << 7;
    std::uint64_t odd = 0;

    while (text.size() >= sizeof(odd)) {
        std::uint64_t eight;
        std::memcpy(&eight, text.data(), sizeof(eight));

        // The first byte under a space borrows from its high bit; what is
        // borrowed from further bytes is seen with it.
        odd |= (eight - ones * ' ') | eight;
        text.remove_prefix(sizeof(eight));
    }

    for (char c : text) {
        odd |= c >= ' ' && c <= '~' ? 0 : high;
    }

    return (odd & high) == 0;
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
};

}

/// What is known between two events.
struct Reader::State {
    State(Reader &of, std::string_view document, const Shape &shape,
        void *object)
        : reader(of), text(document), root(shape), target(object)
    {
        reader.state_ = this;
    }

    State(const State &) = delete;
    State &operator=(const State &) = delete;

    ~State() { reader.state_ = nullptr; }

    Level &top() { return levels[filled - 1]; }

    bool skipping() const { return depth > filled; }

    bool lenient() const { return reader.strictness_ == Strictness::lenient; }

    Reader &reader;
    std::string_view text;
    const Shape &root;
    void *target;

    YajlMemory memory;
    yajl_handle handle = nullptr;

    /// Where the token of the last event that was looked at ends. Between it
    /// and the next token there are only white space and separators.
    std::size_t position = 0;

    /// Objects and arrays that are open, and how many of the outermost of
    /// them are filled; the others are skipped.
    std::size_t depth = 0;
    std::size_t filled = 0;
    Level levels[max_depth];

    /// The field that takes the skipped subtree whole, and its beginning.
    const Field *raw = nullptr;
    std::size_t raw_begin = 0;
    Type raw_type = Type::null;

    bool done = false;
    bool failed = false;
    Error error;
    std::exception_ptr exception;
};

/// yajl's events. Each gives nonzero to go on.
struct Callbacks {
    using State = Reader::State;

    static Reader &reader(void *context)
    {
        return *static_cast<Reader *>(context);
    }

    /// The token of the event at hand, quotes and all.
    static std::string_view token(State &state)
    {
        std::size_t begin = state.position;
        std::size_t end = yajl_get_bytes_consumed(state.handle);

        while (is_space(state.text[begin]) || state.text[begin] == ','
               || state.text[begin] == ':')
        {
            ++begin;
        }

        state.position = end;
        return state.text.substr(begin, end - begin);
    }

    /// What takes the value that begins now; null: nothing does.
    static const Field *next_field(Level &level)
    {
        if (level.type == Type::array) {
            ++level.index;
        }

        return level.field;
    }

    /// The functions of a field may throw, and yajl is not theirs to unwind.
    template <typename Body>
    static int guarded(State &state, Body &&body)
    {
        try {
            body();

        } catch (...) {
            state.exception = std::current_exception();
            return 0;
        }

        return !state.failed;
    }

    static void wrong_type(Reader &reader, std::string_view expected,
        Type type)
    {
        std::string message = "expected ";
        message += expected;
        message += ", got ";
        message += type_name(type);
        reader.fail(std::move(message));
    }

    static int wrong_root(Reader &reader, Type type)
    {
        return guarded(*reader.state_, [&] {
            wrong_type(reader, "a JSON object", type);
        });
    }

    static int scalar(Reader &reader, std::string_view token, Scalar value,
        bool Field::*takes)
    {
        State &state = *reader.state_;

        if (state.filled == 0) {
            return wrong_root(reader, value.type);
        }

        Level &level = state.top();
        const Field *field = next_field(level);

        if (field == nullptr
            || (value.type == Type::null && !field->takes_null))
        {
            return 1;
        }

        if (field->raw != nullptr) {
            return guarded(state, [&] {
                field->raw(reader, level.target, Raw{token, value.type});
            });
        }

        if (field->scalar != nullptr && field->*takes) {
            return guarded(state, [&] {
                field->scalar(reader, level.target, value);
            });
        }

        if (state.lenient()) {
            return 1;
        }

        return guarded(state, [&] {
            wrong_type(reader, field->expected, value.type);
        });
    }

    static int on_null(void *context)
    {
        State &state = *reader(context).state_;

        if (state.skipping()) {
            return 1;
        }

        return scalar(reader(context), token(state),
            Scalar{Type::null, String{}}, &Field::takes_null);
    }

    static int on_boolean(void *context, int value)
    {
        State &state = *reader(context).state_;

        if (state.skipping()) {
            return 1;
        }

        return scalar(reader(context), token(state),
            Scalar{Type::boolean, String{}, value != 0},
            &Field::takes_boolean);
    }

    static int on_number(void *context, const char *, std::size_t)
    {
        State &state = *reader(context).state_;

        if (state.skipping()) {
            return 1;
        }

        std::string_view digits = token(state);

        return scalar(reader(context), digits,
            Scalar{Type::number, String(digits)}, &Field::takes_number);
    }

    static int on_string(void *context, const unsigned char *value,
        std::size_t)
    {
        State &state = *reader(context).state_;

        if (state.skipping()) {
            return 1;
        }

        std::string_view quoted = token(state);
        std::string_view raw = quoted.substr(1, quoted.size() - 2);

        // yajl hands out the text itself when there was nothing to decode.
        bool escaped = reinterpret_cast<const char *>(value) != raw.data();

        return scalar(reader(context), quoted,
            Scalar{Type::string, String(raw, escaped)}, &Field::takes_string);
    }

    static int on_key(void *context, const unsigned char *name,
        std::size_t size)
    {
        State &state = *reader(context).state_;

        if (state.skipping()) {
            return 1;
        }

        state.position = yajl_get_bytes_consumed(state.handle);

        Level &level = state.top();
        level.field = find_field(level,
            {reinterpret_cast<const char *>(name), size});

        return 1;
    }

    static const Field *find_beside(const Shape &shape,
        std::string_view name)
    {
        for (std::size_t i = 0; i < shape.count; ++i) {
            if (shape.fields[i].name == name) {
                return &shape.fields[i];
            }
        }

        return nullptr;
    }

    static const Field *find_field(Level &level, std::string_view name)
    {
        const Field *fields = level.shape->fields;
        std::size_t count = level.shape->count;
        std::size_t at = level.index;

        for (std::size_t i = 0; i < count; ++i, ++at) {
            at = at == count ? 0 : at;

            const Field &field = fields[at];

            if (field.name.size() == name.size()
                && std::memcmp(field.name.data(), name.data(), name.size())
                       == 0)
            {
                level.index = at + 1;
                return &field;
            }
        }

        return level.shape->beside == nullptr
            ? nullptr : find_beside(*level.shape->beside, name);
    }

    static int on_begin(void *context, Type type)
    {
        Reader &self = reader(context);
        State &state = *self.state_;

        if (state.depth == max_depth) {
            return guarded(state, [&] {
                self.fail_at({}, "the JSON is nested more than "
                    + std::to_string(max_depth) + " levels deep");
            });
        }

        if (state.skipping()) {
            ++state.depth;
            return 1;
        }

        state.position = yajl_get_bytes_consumed(state.handle);

        if (state.depth == 0) {
            if (type != Type::object) {
                return wrong_root(self, type);
            }

            state.depth = 1;
            fill(state, Frame{&state.root, state.target}, type);
            return 1;
        }

        Level &level = state.top();
        const Field *field = next_field(level);

        ++state.depth;

        if (field == nullptr) {
            return 1;
        }

        if (field->raw != nullptr) {
            state.raw = field;
            state.raw_begin = state.position - 1;
            state.raw_type = type;
            return 1;
        }

        auto open = type == Type::object ? field->open_object
                                         : field->open_array;

        if (open == nullptr) {
            if (state.lenient()) {
                return 1;
            }

            return guarded(state, [&] {
                wrong_type(self, field->expected, type);
            });
        }

        return guarded(state, [&] {
            Frame frame = open(self, level.target);

            if (frame.shape != nullptr) {
                fill(state, frame, type);
            }
        });
    }

    static void fill(State &state, const Frame &frame, Type type)
    {
        state.levels[state.filled++] = Level{frame.shape, frame.target,
            type == Type::array ? frame.shape->element : nullptr, 0, type};
    }

    static int on_end(void *context)
    {
        Reader &self = reader(context);
        State &state = *self.state_;

        if (state.skipping()) {
            --state.depth;

            if (!state.skipping()) {
                state.position = yajl_get_bytes_consumed(state.handle);
            }

            return state.skipping() || state.raw == nullptr
                ? 1 : end_raw(self);
        }

        state.position = yajl_get_bytes_consumed(state.handle);

        Level level = state.top();
        --state.filled;
        --state.depth;
        state.done = state.depth == 0;

        if (level.shape->close == nullptr) {
            return 1;
        }

        return guarded(state, [&] {
            level.shape->close(self, level.target);
        });
    }

    static int end_raw(Reader &reader)
    {
        State &state = *reader.state_;
        const Field *field = std::exchange(state.raw, nullptr);

        return guarded(state, [&] {
            field->raw(reader, state.top().target,
                Raw{state.text.substr(state.raw_begin,
                        state.position - state.raw_begin),
                    state.raw_type});
        });
    }

    static int on_begin_object(void *context)
    {
        return on_begin(context, Type::object);
    }

    static int on_begin_array(void *context)
    {
        return on_begin(context, Type::array);
    }

    static constexpr yajl_callbacks table = {on_null, on_boolean, nullptr,
        nullptr, on_number, on_string, on_begin_object, on_key, on_end,
        on_begin_array, on_end};
};

Reader::Reader(Arena &arena, Strictness strictness)
    : arena_(arena), strictness_(strictness)
{
}

Result<void> Reader::read(std::string_view text, const Shape &root,
    void *target)
{
    auto invalid = [](std::string message) {
        return Error{ErrorKind::bad_request, std::move(message), {}, {}, 0};
    };

    if (text.empty()) {
        return invalid("invalid JSON: there is none");
    }

    bool plain = is_plain(text);

    // yajl's own check lets overlong forms and surrogates through.
    if (!plain && !valid_utf8(text)) {
        return invalid("invalid JSON: not UTF-8");
    }

    // yajl takes these two for white space; no JSON has them anywhere.
    for (char c : {'\v', '\f'}) {
        if (plain) {
            break;
        }

        if (std::size_t at = text.find(c); at != std::string_view::npos) {
            return invalid("invalid JSON at byte " + std::to_string(at));
        }
    }

    State state(*this, text, root, target);
    yajl_alloc_funcs memory = state.memory.functions();

    state.handle = yajl_alloc(&Callbacks::table, &memory, this);
    yajl_config(state.handle, yajl_dont_validate_strings, 1);

    yajl_status status = yajl_parse(state.handle,
        reinterpret_cast<const unsigned char *>(text.data()), text.size());

    if (state.exception) {
        std::rethrow_exception(state.exception);
    }

    if (state.failed) {
        return std::move(state.error);
    }

    if (!state.done) {
        return invalid(status == yajl_status_ok
            ? "invalid JSON: it ends unfinished at byte "
                + std::to_string(text.size())
            : "invalid JSON at byte "
                + std::to_string(yajl_get_bytes_consumed(state.handle)));
    }

    // Not left to yajl, which takes the beginning of a token after the
    // document for nothing.
    while (state.position < text.size() && is_space(text[state.position])) {
        ++state.position;
    }

    if (state.position < text.size()) {
        return invalid("invalid JSON at byte "
            + std::to_string(state.position));
    }

    return {};
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
