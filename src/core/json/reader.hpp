// SAX driven by tables: each wire type has a Shape that says which
// member takes which name, and everything else is skipped without a trace.
//
//     constexpr json::Field message_fields[] = {
//         json::string<&Message::role>("role"),
//         json::list<&Message::parts, part_shape>("parts"),
//     };
//     constexpr json::Shape message_shape{message_fields};
//
// Values are slices of the text, which must outlive them. A name that stands
// twice counts as it stood last. Unknown names are ignored.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/list.hpp"
#include "core/base/result.hpp"
#include "core/json/value.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gw::json {

/// Deeper documents are refused. Google's own limit is 100; nothing a client
/// of ours means to say comes near.
constexpr std::size_t max_depth = 64;

class Reader;
struct Shape;

/// A scalar as a field sees it. `string` is set for strings and, with the
/// digits, for numbers.
struct Scalar {
    Type type;
    String string;
    bool boolean = false;
};

/// How an opened object or array goes on: its own shape filling its own
/// target; without a shape the subtree is skipped.
struct Frame {
    const Shape *shape = nullptr;
    void *target = nullptr;
};

/// What to do with one value. Exactly the functions for the types the field
/// takes are set: a value of any other type is an error of the document
/// (Strictness::strict), or as if absent (Strictness::lenient). null is
/// absent for every field whose takes_null is false.
struct Field {
    std::string_view name;
    /// For the message of a wrong type: "a string", "an array".
    std::string_view expected;
    void (*scalar)(Reader &, void *object, const Scalar &) = nullptr;
    bool takes_string = false;
    bool takes_number = false;
    bool takes_boolean = false;
    bool takes_null = false;
    Frame (*open_object)(Reader &, void *object) = nullptr;
    Frame (*open_array)(Reader &, void *object) = nullptr;
    /// Takes any value whole; excludes the others.
    void (*raw)(Reader &, void *object, const Raw &) = nullptr;
};

/// An object's fields, or an array's element. close() runs when the object or
/// array has ended, for what only then can be said.
struct Shape {
    const Field *fields = nullptr;
    std::size_t count = 0;
    const Field *element = nullptr;
    void (*close)(Reader &, void *target) = nullptr;
    /// Of the target, or of its first member: more fields, in another table.
    const Shape *beside = nullptr;

    constexpr Shape() = default;

    template <std::size_t N>
    constexpr explicit Shape(const Field (&table)[N],
        void (*at_end)(Reader &, void *) = nullptr)
        : fields(table), count(N), close(at_end)
    {
    }

    template <std::size_t N>
    constexpr Shape(const Field (&table)[N], const Shape &others)
        : fields(table), count(N), beside(&others)
    {
    }

    static constexpr Shape array_of(const Field &each)
    {
        Shape shape;
        shape.element = &each;
        return shape;
    }
};

enum class Strictness { strict, lenient };

/// One run over one document.
class Reader {
public:
    Reader(Arena &arena, Strictness strictness);

    Reader(const Reader &) = delete;
    Reader &operator=(const Reader &) = delete;

    /// Fills target, the object that `root` describes. Error (bad_request):
    /// not JSON, not UTF-8, deeper than max_depth, the root not an object, a
    /// value of the wrong type (with its path as param), or whatever a field
    /// or close function failed with. Throws std::bad_alloc. A Reader is used
    /// once. The whole of text must be one document.
    Result<void> read(std::string_view text, const Shape &root, void *target);

    Arena &arena() { return arena_; }

    /// For field and close functions: stops the run. The param is the path of
    /// the value at hand ("messages[3].content[0].type") unless given.
    void fail(std::string message, std::string code = {});
    void fail_at(std::string param, std::string message,
        std::string code = {});

    /// The path of the value at hand.
    std::string path() const;

private:
    struct State;

    Arena &arena_;
    Strictness strictness_;
    State *state_ = nullptr;        // lives in read()
};

/// Reads text into an object of type T by its shape.
template <typename T>
Result<void> read(std::string_view text, const Shape &shape, T &target,
    Arena &arena, Strictness strictness = Strictness::strict)
{
    Reader reader(arena, strictness);
    return reader.read(text, shape, &target);
}

// The usual rows of a table. T is the struct that holds the member.

template <typename M>
struct MemberOf;

template <typename T, typename V>
struct MemberOf<V T::*> {
    using Object = T;
    using Value = V;
};

template <auto Member>
auto &member(void *object)
{
    using T = typename MemberOf<decltype(Member)>::Object;
    return static_cast<T *>(object)->*Member;
}

/// String T::*
template <auto Member>
constexpr Field string(std::string_view name)
{
    Field field;
    field.name = name;
    field.expected = "a string";
    field.takes_string = true;
    field.scalar = [](Reader &, void *object, const Scalar &value) {
        member<Member>(object) = value.string;
    };
    return field;
}

/// std::optional<Number> T::*
template <auto Member>
constexpr Field number(std::string_view name)
{
    Field field;
    field.name = name;
    field.expected = "a number";
    field.takes_number = true;
    field.scalar = [](Reader &, void *object, const Scalar &value) {
        member<Member>(object) = Number{value.string.raw};
    };
    return field;
}

/// std::optional<std::int64_t> T::*; a fraction is a wrong type.
template <auto Member>
constexpr Field integer(std::string_view name)
{
    Field field;
    field.name = name;
    field.expected = "an integer";
    field.takes_number = true;
    field.scalar = [](Reader &reader, void *object, const Scalar &value) {
        auto parsed = Number{value.string.raw}.integer();

        if (parsed) {
            member<Member>(object) = *parsed;
        } else {
            reader.fail("expected an integer");
        }
    };
    return field;
}

/// std::optional<bool> or bool T::*
template <auto Member>
constexpr Field boolean(std::string_view name)
{
    Field field;
    field.name = name;
    field.expected = "a boolean";
    field.takes_boolean = true;
    field.scalar = [](Reader &, void *object, const Scalar &value) {
        member<Member>(object) = value.boolean;
    };
    return field;
}

/// Raw T::*; takes any value but null.
template <auto Member>
constexpr Field raw(std::string_view name)
{
    Field field;
    field.name = name;
    field.raw = [](Reader &, void *object, const Raw &value) {
        if (value.type != Type::null) {
            member<Member>(object) = value;
        }
    };
    return field;
}

/// V T::* or std::optional<V> T::*, filled by V's shape.
template <typename V>
V &emplaced(V &value)
{
    value = V{};
    return value;
}

template <typename V>
V &emplaced(std::optional<V> &value)
{
    return value.emplace();
}

template <auto Member, const Shape &S>
constexpr Field object(std::string_view name)
{
    Field field;
    field.name = name;
    field.expected = "an object";
    field.open_object = [](Reader &, void *object) -> Frame {
        return {&S, &emplaced(member<Member>(object))};
    };
    return field;
}

/// One element of a list: a new V at the end of List<V>, filled by its shape.
template <typename V, const Shape &S>
constexpr Field element_object()
{
    Field field;
    field.expected = "an object";
    field.open_object = [](Reader &reader, void *list) -> Frame {
        return {&S, &static_cast<List<V> *>(list)->push(reader.arena())};
    };
    return field;
}

template <typename V, const Shape &S>
inline constexpr Field element_object_field = element_object<V, S>();

template <typename V, const Shape &S>
inline constexpr Shape list_shape =
    Shape::array_of(element_object_field<V, S>);

/// List<V> T::*, V by its shape.
template <auto Member, typename V, const Shape &S>
constexpr Field list(std::string_view name)
{
    Field field;
    field.name = name;
    field.expected = "an array";
    field.open_array = [](Reader &, void *object) -> Frame {
        auto &target = member<Member>(object);
        target.clear();
        return {&list_shape<V, S>, &target};
    };
    return field;
}

/// List<String> T::*
constexpr Field element_string()
{
    Field field;
    field.expected = "a string";
    field.takes_string = true;
    field.scalar = [](Reader &reader, void *list, const Scalar &value) {
        static_cast<List<String> *>(list)->push(reader.arena(),
            value.string);
    };
    return field;
}

inline constexpr Field element_string_field = element_string();
inline constexpr Shape strings_shape = Shape::array_of(element_string_field);

template <auto Member>
constexpr Field strings(std::string_view name)
{
    Field field;
    field.name = name;
    field.expected = "an array of strings";
    field.open_array = [](Reader &, void *object) -> Frame {
        auto &target = member<Member>(object);
        target.clear();
        return {&strings_shape, &target};
    };
    return field;
}

}
