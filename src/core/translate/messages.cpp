// Messages become turns: neighbours of one role share one, what is empty
// leaves no trace, and the user has the first word.
#include "core/translate/messages.hpp"

#include "core/base/text.hpp"
#include "core/translate/calls.hpp"
#include "core/translate/content.hpp"
#include "core/translate/signatures.hpp"
#include "core/translate/structs.hpp"

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

constexpr std::string_view no_result = "{\"error\":\"no result\"}";

/// A tool's answer, taken apart.
struct ToolResult {
    json::String text;
    List<gemini::Blob> blobs;       // for the functionResponse itself
    List<Part> beside;              // for parts of their own behind it
};

ToolResult split_result(const List<Part> &parts,
    const gemini::Family &family, Arena &arena)
{
    ToolResult result;
    std::size_t texts = 0;
    std::string joined;

    for (const Part &part : parts) {
        // The families whose calls have ids are those that look at media in
        // a response; they take no files there.
        if (part.kind == Part::Kind::inline_data
            && family.function_call_ids)
        {
            result.blobs.push(arena, part.inline_data);

        } else if (part.kind != Part::Kind::text) {
            result.beside.push(arena, part);

        } else if (texts++ == 0) {
            result.text = part.text;

        } else {
            if (texts == 2) {
                joined = result.text.raw;
            }

            joined += "\\n";
            joined += part.text.raw;
        }
    }

    if (texts > 1) {
        result.text = json::String(arena.copy(joined), true);
    }

    return result;
}

std::string in_message(std::size_t index, std::string_view member)
{
    std::string param = "messages[" + std::to_string(index) + "].";
    param += member;

    return param;
}

/// Vertex gets an id back that it gave itself, and no other: not every server
/// of its takes one. Those of the OpenAI API, and ours, begin alike.
bool takes_id(gemini::Api api, std::string_view id)
{
    return api == gemini::Api::gemini || !starts_with(id, "call_");
}

class Turns {
public:
    Turns(const ConversationRules &rules, Arena &arena)
        : family_(rules.family), rules_(rules), arena_(arena), calls_(arena)
    {
    }

    Result<void> take(const Message &message, std::size_t index);

    void finish(gemini::GenerateRequest &out);

private:
    Result<void> take_system(const Message &message, std::size_t index);
    Result<void> take_user(const Message &message, std::size_t index);
    Result<void> take_assistant(const Message &message, std::size_t index);
    Result<void> take_calls(const Message &message, std::size_t index);
    Result<void> take_call(const openai::ToolCall &call,
        const Message &message, const std::string &param);
    Result<void> take_result(const Message &message, std::size_t index);

    /// The message's content, whichever form it has.
    Result<void> read_content(const Message &message, std::size_t index,
        List<Part> &parts);

    void add(gemini::Role role, const List<Part> &parts);
    Content &begin(gemini::Role role);
    void end_calls();
    void write_result(Call &call, Content &content);
    void skip_missing_signatures();

    const gemini::Family &family_;
    const ConversationRules &rules_;
    Arena &arena_;
    List<Part> system_;
    List<Content> contents_;
    bool opened_by_us_ = false;

    /// The last turn's calls wait for their results, and what the user says
    /// meanwhile waits with them.
    Calls calls_;
    bool calling_ = false;
    bool answered_ = false;
    List<Part> meanwhile_;
};

/// The turn of that role that is last then.
Content &Turns::begin(gemini::Role role)
{
    if (contents_.empty() && role == gemini::Role::model) {
        contents_.push(arena_).parts.push(arena_, plain_part(opening_text));
        opened_by_us_ = true;
    }

    if (contents_.empty() || contents_.back().role != role) {
        contents_.push(arena_).role = role;
    }

    return contents_.back();
}

void Turns::add(gemini::Role role, const List<Part> &parts)
{
    if (!parts.empty()) {
        begin(role).parts.append(arena_, parts);
    }
}

void Turns::write_result(Call &call, Content &content)
{
    Part &part = content.parts.push(arena_);
    part.kind = Part::Kind::function_response;
    part.function_response.id = call.call->id;
    part.function_response.name = call.call->name;
    part.function_response.response = call.response;
    part.function_response.parts = call.blobs;

    if (!call.answered) {
        part.function_response.response =
            json::Raw{no_result, json::Type::object};
    }

    call.results = &content;
    call.written = &part.function_response;
}

/// The results of the calls that are open, one for each and in their order,
/// and behind them what else there is.
void Turns::end_calls()
{
    if (!calling_) {
        return;
    }

    Content &content = begin(gemini::Role::user);

    for (Call *call = calls_.first(); call != nullptr; call = call->next) {
        write_result(*call, content);
    }

    for (Call *call = calls_.first(); call != nullptr; call = call->next) {
        content.parts.append(arena_, call->beside);
    }

    content.parts.append(arena_, meanwhile_);

    calling_ = answered_ = false;
    meanwhile_.clear();
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

Result<void> Turns::take_user(const Message &message, std::size_t index)
{
    List<Part> parts;
    auto read = read_content(message, index, parts);

    if (!read) {
        return read;
    }

    if (calling_) {
        meanwhile_.append(arena_, parts);
    } else {
        add(gemini::Role::user, parts);
    }

    return {};
}

Result<void> Turns::take_assistant(const Message &message, std::size_t index)
{
    bool calls = !message.tool_calls.empty() || message.function_call;
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
    json::String signature = usable_signature(message.thought_signature,
        arena_);

    if (signature.empty() && !calls) {
        signature = usable_signature(message.reasoning_signature, arena_);
    }

    if (family_.signatures && !signature.empty()) {
        if (parts.empty() && !calls) {
            parts.push(arena_);
        }

        if (!parts.empty()) {
            parts.back().thought_signature = signature;
        }
    }

    // Something came between: what follows is another turn of the model.
    if ((calls || !parts.empty()) && (answered_ || !meanwhile_.empty())) {
        end_calls();
    }

    add(gemini::Role::model, parts);

    return calls ? take_calls(message, index) : Result<void>();
}

Result<void> Turns::take_calls(const Message &message, std::size_t index)
{
    if (!calling_) {
        calls_.begin_turn();
        calling_ = true;
    }

    std::size_t number = 0;

    for (const openai::ToolCall &call : message.tool_calls) {
        auto taken = take_call(call, message, in_message(index,
            "tool_calls[" + std::to_string(number++) + "].function.name"));

        if (!taken) {
            return taken;
        }
    }

    // Libraries that know both forms send a call in both.
    return message.function_call && message.tool_calls.empty()
        ? take_call(*message.function_call, message,
            in_message(index, "function_call.name"))
        : Result<void>();
}

Result<void> Turns::take_call(const openai::ToolCall &call,
    const Message &message, const std::string &param)
{
    if (call.name.empty()) {
        return Error{ErrorKind::bad_request, "Missing required parameter: '"
            + param + "'.", param, "missing_required_parameter", 0};
    }

    const CallId id(call.id);
    std::string_view plain_id = id.id.decode(arena_);
    Content &content = begin(gemini::Role::model);
    Part &part = content.parts.push(arena_);

    part.kind = Part::Kind::function_call;
    part.function_call.name = rules_.names.upstream_name(call.name, arena_);
    part.function_call.args = call_arguments(call, arena_);

    if (family_.function_call_ids && takes_id(rules_.api, plain_id)) {
        part.function_call.id = id.id;
    }

    if (family_.signatures) {
        json::String &signature = part.thought_signature;
        signature = usable_signature(call.thought_signature, arena_);

        if (signature.empty()) {
            signature = usable_signature(id.signature, arena_);
        }

        if (signature.empty() && rules_.signatures != nullptr
            && !plain_id.empty())
        {
            signature = usable_signature(json::String(arena_.copy(
                rules_.signatures->find(plain_id))), arena_);
        }

        // It is the message's, and of its calls the first carries it.
        if (signature.empty() && (message.tool_calls.empty()
                || &call == &message.tool_calls.front()))
        {
            signature = usable_signature(message.reasoning_signature,
                arena_);
        }
    }

    calls_.add(plain_id, call.name.decode(arena_)).call =
        &part.function_call;

    return {};
}

Result<void> Turns::take_result(const Message &message, std::size_t index)
{
    const CallId id(message.tool_call_id);
    Call *call = calls_.find(id.id.decode(arena_),
        message.name.decode(arena_));

    // Late results and better ones are welcome, where the id says whose.
    bool late = call != nullptr && call->written != nullptr;

    if (call == nullptr || (late && call->answered && id.id.empty())) {
        return Error{ErrorKind::bad_request, "Invalid parameter: messages "
            "with role 'tool' must be a response to a preceding message with "
            "'tool_calls'.", in_message(index, "role"), "invalid_value", 0};
    }

    List<Part> parts;
    auto read = read_content(message, index, parts);

    if (!read) {
        return read;
    }

    ToolResult result = split_result(parts, family_, arena_);

    call->answered = true;
    call->response = tool_response(result.text, arena_);
    call->blobs = result.blobs;
    call->beside = result.beside;

    if (call->written == nullptr) {
        answered_ = true;
        return {};
    }

    // The turn is over, but upstream has not seen it yet.
    call->written->response = call->response;
    call->written->parts = call->blobs;
    call->results->parts.append(arena_, call->beside);

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
        return take_result(message, index);

    case openai::Role::user:
        break;
    }

    return take_user(message, index);
}

/// Since the user last said something, the first call of each of the model's
/// turns has to have one.
void Turns::skip_missing_signatures()
{
    List<Part *> unsigned_calls;

    for (Content &content : contents_) {
        if (content.role == gemini::Role::user) {
            if (content.parts.front().kind
                != Part::Kind::function_response)
            {
                unsigned_calls.clear();
            }

            continue;
        }

        for (Part &part : content.parts) {
            if (part.kind == Part::Kind::function_call) {
                if (part.thought_signature.empty()) {
                    unsigned_calls.push(arena_, &part);
                }

                break;
            }
        }
    }

    for (Part *part : unsigned_calls) {
        part->thought_signature = json::String(skip_signature);
    }
}

void Turns::finish(gemini::GenerateRequest &out)
{
    end_calls();

    if (family_.signatures) {
        skip_missing_signatures();
    }

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
    const ConversationRules &rules, Arena &arena,
    gemini::GenerateRequest &out)
{
    Turns turns(rules, arena);
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
