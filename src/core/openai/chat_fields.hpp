// What the tables of a chat request share: rows beyond the usual ones of
// json/reader.hpp, and each other's shapes. For openai/chat_*.cpp only.
#pragma once

#include "core/json/reader.hpp"
#include "core/openai/chat_request.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace gw::openai::fields {

using json::Field;
using json::Frame;
using json::Raw;
using json::Reader;
using json::Scalar;
using json::Shape;
using json::Type;

/// What a request says beside its conversation; the target is a ChatRequest.
extern const Shape common_shape;

/// Of what these say: there is a model, and then that numbers are in their
/// ranges, Google's words having taken the place of OpenAI's.
Result<void> check_model(const ChatRequest &request);
Result<void> settle_common(ChatRequest &request);

/// Arrays; their targets are List<Message> and List<Tool>.
extern const Shape messages_shape;
extern const Shape tools_shape;
extern const Shape functions_shape;

/// The target is a ToolChoice.
extern const Shape tool_choice_shape;

/// An inner object whose members belong to the same struct.
template <const Shape &S>
constexpr Field nested(std::string_view name)
{
    Field field;
    field.name = name;
    field.expected = "an object";
    field.open_object = [](Reader &, void *object) -> Frame {
        return {&S, object};
    };
    return field;
}

/// "x" or {"url": "x"}.
template <auto Member, const Shape &S>
constexpr Field string_or_nested(std::string_view name)
{
    Field field = json::string<Member>(name);
    field.expected = "a string or an object";
    field.open_object = nested<S>(name).open_object;
    return field;
}

/// "x" or {...} of a member that is a struct: a string goes to its Word.
template <auto Member, auto Word, const Shape &S>
constexpr Field word_or_object(std::string_view name)
{
    Field field = json::object<Member, S>(name);
    field.expected = "a string or an object";
    field.takes_string = true;
    field.scalar = [](Reader &, void *object, const Scalar &value) {
        json::emplaced(json::member<Member>(object)).*Word = value.string;
    };
    return field;
}

/// For members that are not OpenAI's, where other vendors may have put
/// anything: a value of another type is as if it were absent.
constexpr Field tolerant(Field field)
{
    if (field.scalar == nullptr) {
        field.scalar = [](Reader &, void *, const Scalar &) {};
    }

    field.takes_string = true;
    field.takes_number = true;
    field.takes_boolean = true;

    if (field.open_object == nullptr) {
        field.open_object = [](Reader &, void *) { return Frame{}; };
    }

    if (field.open_array == nullptr) {
        field.open_array = [](Reader &, void *) { return Frame{}; };
    }

    return field;
}

/// String T::*, the first one given.
template <auto Member>
constexpr Field first_string(std::string_view name)
{
    Field field;
    field.name = name;
    field.scalar = [](Reader &, void *object, const Scalar &value) {
        json::String &target = json::member<Member>(object);

        if (value.type == Type::string && target.empty()) {
            target = value.string;
        }
    };
    return tolerant(field);
}

inline void refuse_twice(Reader &reader)
{
    reader.fail("This list stands twice in the request.");
}

inline void refuse_more(Reader &reader, std::string param, std::size_t limit,
    std::string_view what)
{
    reader.fail_at(std::move(param), "Too many " + std::string(what)
        + ": at most " + std::to_string(limit) + " are accepted.",
        "invalid_value");
}

/// The array's path from that of one of its elements.
inline std::string of_array(const std::string &path)
{
    return path.substr(0, path.rfind('['));
}

/// List<String> T::*, at most Limit of them.
template <std::size_t Limit>
constexpr Field bounded_string()
{
    Field field = json::element_string();
    field.scalar = [](Reader &reader, void *target, const Scalar &value) {
        auto &list = *static_cast<List<json::String> *>(target);

        if (list.size() == Limit) {
            refuse_more(reader, of_array(reader.path()), Limit,
                "entries");
            return;
        }

        list.push(reader.arena(), value.string);
    };
    return field;
}

template <std::size_t Limit>
inline constexpr Field bounded_string_field = bounded_string<Limit>();

template <std::size_t Limit>
inline constexpr Shape bounded_strings_shape =
    Shape::array_of(bounded_string_field<Limit>);

template <auto Member, std::size_t Limit>
constexpr Field bounded_strings(std::string_view name)
{
    Field field;
    field.name = name;
    field.expected = "an array of strings";
    field.open_array = [](Reader &reader, void *object) -> Frame {
        auto &list = json::member<Member>(object);

        if (!list.empty()) {
            refuse_twice(reader);
        }

        return {&bounded_strings_shape<Limit>, &list};
    };
    return field;
}

}
