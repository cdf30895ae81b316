// The members of tools, functions and tool_choice.
#include "core/openai/chat_fields.hpp"

namespace gw::openai::fields {

namespace {

/// One of Gemini's own tools, by either spelling of its name.
template <const std::string_view &Name>
constexpr Field built_in(std::string_view name)
{
    Field field;
    field.name = name;
    field.raw = [](Reader &, void *target, const Raw &value) {
        if (value.type != Type::null) {
            auto &tool = *static_cast<Tool *>(target);
            tool.built_in = Name;
            tool.built_in_value = value;
        }
    };
    return field;
}

constexpr std::string_view google_search = "googleSearch";
constexpr std::string_view code_execution = "codeExecution";
constexpr std::string_view url_context = "urlContext";
constexpr std::string_view google_maps = "googleMaps";
constexpr std::string_view file_search = "fileSearch";
constexpr std::string_view computer_use = "computerUse";

constexpr Field function_fields[] = {
    json::string<&Tool::name>("name"),
    json::string<&Tool::description>("description"),
    json::raw<&Tool::parameters>("parameters"),
    json::boolean<&Tool::strict>("strict")
};
constexpr Shape function_shape{function_fields};

constexpr Field tool_fields[] = {
    json::string<&Tool::type>("type"),
    nested<function_shape>("function"),
    // The Responses API's form has these without an inner object.
    json::string<&Tool::name>("name"),
    json::string<&Tool::description>("description"),
    json::raw<&Tool::parameters>("parameters"),
    built_in<google_search>("google_search"),
    built_in<google_search>("googleSearch"),
    built_in<code_execution>("code_execution"),
    built_in<code_execution>("codeExecution"),
    built_in<url_context>("url_context"),
    built_in<url_context>("urlContext"),
    built_in<google_maps>("google_maps"),
    built_in<google_maps>("googleMaps"),
    built_in<file_search>("file_search"),
    built_in<file_search>("fileSearch"),
    built_in<computer_use>("computer_use"),
    built_in<computer_use>("computerUse")
};
constexpr Shape tool_shape{tool_fields};

template <const Shape &S>
constexpr Field tool_element = [] {
    Field field;
    field.expected = "an object";
    field.open_object = [](Reader &reader, void *target) -> Frame {
        auto &tools = *static_cast<List<Tool> *>(target);

        if (tools.size() == max_tools) {
            refuse_more(reader, "tools", max_tools, "tools");
            return {};
        }

        return {&S, &tools.push(reader.arena())};
    };
    return field;
}();

// tool_choice: {"type":"allowed_tools","allowed_tools":{"mode":"auto",…}}

constexpr Field allowed_name = [] {
    Field field;
    field.name = "name";
    field.expected = "a string";
    field.takes_string = true;
    field.scalar = [](Reader &reader, void *target, const Scalar &value) {
        auto &list = static_cast<ToolChoice *>(target)->allowed;

        if (list.size() == max_tools) {
            refuse_more(reader, "tool_choice", max_tools, "tools");
            return;
        }

        list.push(reader.arena(), value.string);
    };
    return field;
}();

constexpr Field allowed_function_fields[] = {allowed_name};
constexpr Shape allowed_function_shape{allowed_function_fields};
constexpr Field allowed_tool_fields[] = {
    nested<allowed_function_shape>("function"),
    allowed_name
};
constexpr Shape allowed_tool_shape{allowed_tool_fields};
constexpr Field allowed_tool = nested<allowed_tool_shape>("");
constexpr Shape allowed_list_shape = Shape::array_of(allowed_tool);

constexpr Field allowed_list_field = [] {
    Field field;
    field.name = "tools";
    field.expected = "an array";
    field.open_array = [](Reader &, void *object) -> Frame {
        return {&allowed_list_shape, object};
    };
    return field;
}();

constexpr Field allowed_fields[] = {
    json::string<&ToolChoice::allowed_mode>("mode"),
    allowed_list_field
};
constexpr Shape allowed_shape{allowed_fields};

constexpr Field chosen_function_fields[] = {
    json::string<&ToolChoice::name>("name")
};
constexpr Shape chosen_function_shape{chosen_function_fields};

constexpr Field tool_choice_fields[] = {
    json::string<&ToolChoice::type>("type"),
    nested<chosen_function_shape>("function"),
    json::string<&ToolChoice::name>("name"),
    nested<allowed_shape>("allowed_tools")
};

}

constexpr Shape tools_shape = Shape::array_of(tool_element<tool_shape>);
constexpr Shape functions_shape =
    Shape::array_of(tool_element<function_shape>);
constexpr Shape tool_choice_shape{tool_choice_fields};

}
