// Messages become turns: neighbours of one role share one, what is empty
// leaves no trace, and the user has the first word.
#include "core/translate/messages.hpp"

#include "core/translate/content.hpp"

#include <string>
#include <utility>

namespace gw::translate {

namespace {

using gemini::Content;
using gemini::Part;
using openai::Message;

// What stands where upstream demands a user turn and the client has none.
// Upstream takes no empty text.
constexpr std::string_view opening_text = ".";
constexpr std::string_view closing_text = "Continue.";

Part plain_part(std::string_view text)
{
    return text_part(json::String(text));
}

Error unsupported_tools(std::size_t index, std::string_view member)
{
    std::string param = "messages[" + std::to_string(index) + "].";
    param += member;

    return Error{ErrorKind::bad_request, "Tools are not supported here.",
        std::move(param), "unsupported_parameter", 0};
}

class Turns {
public:
    Turns(const gemini::Family &family, Arena &arena)
        : family_(family), arena_(arena)
    {
    }

    Result<void> take(const Message &message, std::size_t index);

    void finish(gemini::GenerateRequest &out);

private:
    Result<void> take_system(const Message &message, std::size_t index);
    Result<void> take_assistant(const Message &message, std::size_t index);

    /// The message's content, whichever form it has.
    Result<void> read_content(const Message &message, std::size_t index,
        List<Part> &parts);

    void add(gemini::Role role, const List<Part> &parts);

    const gemini::Family &family_;
    Arena &arena_;
    List<Part> system_;
    List<Content> contents_;
    bool opened_by_us_ = false;
};

void Turns::add(gemini::Role role, const List<Part> &parts)
{
    if (parts.empty()) {
        return;
    }

    if (contents_.empty() && role == gemini::Role::model) {
        contents_.push(arena_).parts.push(arena_, plain_part(opening_text));
        opened_by_us_ = true;
    }

    if (contents_.empty() || contents_.back().role != role) {
        contents_.push(arena_).role = role;
    }

    contents_.back().parts.append(arena_, parts);
}

Result<void> Turns::read_content(const Message &message, std::size_t index,
    List<Part> &parts)
{
    if (message.text && !message.text->empty()) {
        parts.push(arena_, text_part(*message.text));
    }

    PartPlace place{index, 0};

    for (const openai::ContentPart &part : message.parts) {
        auto added = add_part(part, place, arena_, parts);

        if (!added) {
            return added;
        }

        ++place.part;
    }

    return {};
}

Result<void> Turns::take_system(const Message &message, std::size_t index)
{
    PartPlace place{index, 0};

    for (const openai::ContentPart &part : message.parts) {
        if (!part.type.empty() && !is_text(part, arena_)) {
            return Error{ErrorKind::bad_request,
                "System messages hold only text.", place.param("type"),
                "invalid_value", 0};
        }

        ++place.part;
    }

    return read_content(message, index, system_);
}

Result<void> Turns::take_assistant(const Message &message, std::size_t index)
{
    if (!message.tool_calls.empty() || message.function_call) {
        return unsupported_tools(index, "tool_calls");
    }

    List<Part> parts;
    auto read = read_content(message, index, parts);

    if (!read) {
        return read;
    }

    if (!message.refusal.empty()) {
        parts.push(arena_, text_part(message.refusal));
    }

    // An answer's signature belongs to its last part. One that came alone,
    // with an empty text, is the only empty text upstream wants to see again.
    if (family_.signatures && !message.thought_signature.empty()) {
        if (parts.empty()) {
            parts.push(arena_);
        }

        parts.back().thought_signature = message.thought_signature;
    }

    add(gemini::Role::model, parts);
    return {};
}

Result<void> Turns::take(const Message &message, std::size_t index)
{
    switch (message.role) {

    case openai::Role::system:
    case openai::Role::developer:
        return take_system(message, index);

    case openai::Role::assistant:
        return take_assistant(message, index);

    case openai::Role::tool:
    case openai::Role::function:
        return unsupported_tools(index, "role");

    case openai::Role::user:
        break;
    }

    List<Part> parts;
    auto read = read_content(message, index, parts);

    if (!read) {
        return read;
    }

    add(gemini::Role::user, parts);
    return {};
}

void Turns::finish(gemini::GenerateRequest &out)
{
    // Upstream wants something said. The system text alone is the question
    // then, as Google's own compatible endpoint has it.
    if (contents_.empty()) {
        if (system_.empty()) {
            system_.push(arena_, plain_part(opening_text));
        }

        add(gemini::Role::user, system_);
        system_.clear();
    }

    if (!family_.system_instruction && !system_.empty()) {
        Content &first = contents_.front();

        if (!opened_by_us_) {
            system_.append(arena_, first.parts);
        }

        first.parts = system_;
        system_.clear();
    }

    if (contents_.back().role == gemini::Role::model
        && !family_.trailing_model_turn)
    {
        contents_.push(arena_).parts.push(arena_, plain_part(closing_text));
    }

    out.system_instruction = system_;
    out.contents = contents_;
}

}

Result<void> set_contents(const openai::ChatRequest &request,
    const gemini::Family &family, Arena &arena, gemini::GenerateRequest &out)
{
    Turns turns(family, arena);
    std::size_t index = 0;

    for (const Message &message : request.messages) {
        auto taken = turns.take(message, index);

        if (!taken) {
            return taken;
        }

        ++index;
    }

    turns.finish(out);
    return {};
}

}
