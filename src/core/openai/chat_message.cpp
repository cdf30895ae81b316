// A message's members, down to the content parts and the tool calls.
#include "core/openai/chat_fields.hpp"

namespace gw::openai::fields {

namespace {

// Content parts.

constexpr Field url_fields[] = {
    json::string<&ContentPart::image_url>("url")
};
constexpr Shape url_shape{url_fields};

constexpr Field video_url_fields[] = {
    json::string<&ContentPart::video_url>("url")
};
constexpr Shape video_url_shape{video_url_fields};

constexpr Field audio_fields[] = {
    json::string<&ContentPart::audio_data>("data"),
    json::string<&ContentPart::audio_format>("format")
};
constexpr Shape audio_shape{audio_fields};

constexpr Field file_fields[] = {
    json::string<&ContentPart::file_data>("file_data"),
    json::string<&ContentPart::file_id>("file_id"),
    json::string<&ContentPart::file_url>("file_url"),
    json::string<&ContentPart::filename>("filename")
};
constexpr Shape file_shape{file_fields};

constexpr Field part_fields[] = {
    json::string<&ContentPart::type>("type"),
    json::string<&ContentPart::text>("text"),
    json::string<&ContentPart::text>("refusal"),
    string_or_nested<&ContentPart::image_url, url_shape>("image_url"),
    string_or_nested<&ContentPart::video_url, video_url_shape>("video_url"),
    nested<audio_shape>("input_audio"),
    nested<file_shape>("file"),
    // The Responses API's input_file has these without an inner object.
    json::string<&ContentPart::file_data>("file_data"),
    json::string<&ContentPart::file_id>("file_id"),
    json::string<&ContentPart::file_url>("file_url"),
    json::string<&ContentPart::filename>("filename")
};
constexpr Shape part_shape{part_fields};

constexpr Field part_element = [] {
    Field field;
    field.expected = "an object";
    field.open_object = [](Reader &reader, void *target) -> Frame {
        auto &message = *static_cast<Message *>(target);

        if (message.parts_before + message.parts.size()
            == max_content_parts)
        {
            refuse_more(reader, "messages", max_content_parts,
                "content parts");
            return {};
        }

        return {&part_shape, &message.parts.push(reader.arena())};
    };
    return field;
}();
constexpr Shape parts_shape = Shape::array_of(part_element);

constexpr Field content_field = [] {
    Field field;
    field.name = "content";
    field.expected = "a string or an array";
    field.takes_string = true;
    field.scalar = [](Reader &, void *target, const Scalar &value) {
        static_cast<Message *>(target)->text = value.string;
    };
    field.open_array = [](Reader &reader, void *target) -> Frame {
        auto &message = *static_cast<Message *>(target);

        if (message.has_parts) {
            refuse_twice(reader);
        }

        message.has_parts = true;
        return {&parts_shape, &message};
    };
    return field;
}();

// Thought signatures come back in whatever the client's library kept:
// Google's own extra_content, litellm's provider_specific_fields, Portkey's
// plain member. Source: reference/chat-request.md section 7.

template <auto Member>
constexpr Field signature_fields[] = {
    first_string<Member>("thought_signature")
};
template <auto Member>
constexpr Shape signature_shape{signature_fields<Member>};

template <auto Member>
constexpr Field vendor_fields[] = {
    tolerant(nested<signature_shape<Member>>("google")),
    tolerant(nested<signature_shape<Member>>("vertex"))
};
template <auto Member>
constexpr Shape vendor_shape{vendor_fields<Member>};

constexpr auto call_signature = &ToolCall::thought_signature;
constexpr auto message_signature = &Message::thought_signature;

// OpenRouter's reasoning_details and Anthropic's thinking_blocks.

constexpr Field reasoning_detail_fields[] = {
    first_string<&Message::reasoning_signature>("data"),
    first_string<&Message::reasoning_signature>("signature")
};
constexpr Shape reasoning_detail_shape{reasoning_detail_fields};
constexpr Field reasoning_detail = tolerant(
    nested<reasoning_detail_shape>(""));
constexpr Shape reasoning_details_shape =
    Shape::array_of(reasoning_detail);

constexpr Field reasoning_list(std::string_view name)
{
    Field field;
    field.name = name;
    field.open_array = [](Reader &, void *object) -> Frame {
        return {&reasoning_details_shape, object};
    };
    return tolerant(field);
}

// Tool calls.

constexpr Field arguments_field = [] {
    Field field;
    field.name = "arguments";
    field.raw = [](Reader &, void *target, const Raw &value) {
        auto &call = *static_cast<ToolCall *>(target);

        if (value.type == Type::string) {
            std::string_view inner = value.text.substr(1,
                value.text.size() - 2);
            call.arguments = json::String(inner,
                inner.find('\\') != std::string_view::npos);

        } else {
            call.arguments_object = value;
        }
    };
    return field;
}();

constexpr Field called_function_fields[] = {
    json::string<&ToolCall::name>("name"),
    arguments_field,
    first_string<call_signature>("thought_signature")
};
constexpr Shape called_function_shape{called_function_fields};

constexpr Field tool_call_fields[] = {
    json::string<&ToolCall::id>("id"),
    json::string<&ToolCall::type>("type"),
    nested<called_function_shape>("function"),
    tolerant(nested<vendor_shape<call_signature>>("extra_content")),
    tolerant(nested<signature_shape<call_signature>>(
        "provider_specific_fields")),
    first_string<call_signature>("thought_signature")
};
constexpr Shape tool_call_shape{tool_call_fields};

constexpr Field tool_call_element = [] {
    Field field;
    field.expected = "an object";
    field.open_object = [](Reader &reader, void *target) -> Frame {
        auto &message = *static_cast<Message *>(target);

        if (message.tool_calls_before + message.tool_calls.size()
            == max_tool_calls)
        {
            refuse_more(reader, "messages", max_tool_calls, "tool calls");
            return {};
        }

        return {&tool_call_shape, &message.tool_calls.push(reader.arena())};
    };
    return field;
}();
constexpr Shape tool_calls_shape = Shape::array_of(tool_call_element);

constexpr Field tool_calls_field = [] {
    Field field;
    field.name = "tool_calls";
    field.expected = "an array";
    field.open_array = [](Reader &reader, void *target) -> Frame {
        auto &message = *static_cast<Message *>(target);

        if (message.has_tool_calls) {
            refuse_twice(reader);
        }

        message.has_tool_calls = true;
        return {&tool_calls_shape, &message};
    };
    return field;
}();

// Messages.

struct RoleName {
    std::string_view name;
    Role role;
};

constexpr RoleName role_names[] = {
    {"system", Role::system},
    {"developer", Role::developer},
    {"user", Role::user},
    {"assistant", Role::assistant},
    {"tool", Role::tool},
    {"function", Role::function}
};

void close_message(Reader &reader, void *target)
{
    auto &message = *static_cast<Message *>(target);

    if (message.role_name.empty()) {
        std::string param = reader.path() + ".role";
        std::string text = "Missing required parameter: '" + param + "'.";
        reader.fail_at(std::move(param), std::move(text),
            "missing_required_parameter");
        return;
    }

    std::string_view given = message.role_name.decode(reader.arena());

    for (const RoleName &known : role_names) {
        if (known.name == given) {
            message.role = known.role;
            return;
        }
    }

    reader.fail_at(reader.path() + ".role", "Invalid value: the role must be "
        "one of 'system', 'developer', 'user', 'assistant', 'tool' and "
        "'function'.", "invalid_value");
}

constexpr Field message_fields[] = {
    json::string<&Message::role_name>("role"),
    content_field,
    json::string<&Message::name>("name"),
    json::string<&Message::refusal>("refusal"),
    tool_calls_field,
    json::string<&Message::tool_call_id>("tool_call_id"),
    json::object<&Message::function_call, called_function_shape>(
        "function_call"),
    tolerant(nested<vendor_shape<message_signature>>("extra_content")),
    tolerant(nested<signature_shape<message_signature>>(
        "provider_specific_fields")),
    first_string<message_signature>("thought_signature"),
    reasoning_list("reasoning_details"),
    reasoning_list("thinking_blocks")
};
constexpr Shape message_shape{message_fields, close_message};

constexpr Field message_element = [] {
    Field field;
    field.expected = "an object";
    field.open_object = [](Reader &reader, void *target) -> Frame {
        auto &messages = *static_cast<List<Message> *>(target);

        if (messages.size() == max_messages) {
            refuse_more(reader, "messages", max_messages, "messages");
            return {};
        }

        Message next;

        if (!messages.empty()) {
            const Message &last = messages.back();
            next.parts_before = last.parts_before + last.parts.size();
            next.tool_calls_before = last.tool_calls_before
                                     + last.tool_calls.size();
        }

        return {&message_shape, &messages.push(reader.arena(), next)};
    };
    return field;
}();

}

constexpr Shape messages_shape = Shape::array_of(message_element);

}
