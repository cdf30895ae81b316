// Clients mix functions, OpenAI's hosted tools and Gemini's own in one list,
// and what upstream takes beside each other depends on the family.
#include "core/translate/tools.hpp"

#include "core/base/text.hpp"
#include "core/translate/schema.hpp"

#include <string>
#include <unordered_set>
#include <utility>

namespace gw::translate {

namespace {

using gemini::FunctionCallingConfig;
using gemini::FunctionDeclaration;
using openai::ChatRequest;
using openai::Tool;
using openai::ToolChoice;

constexpr std::string_view google_search = "googleSearch";

Error bad_request(std::string param, std::string message, const char *code)
{
    return Error{ErrorKind::bad_request, std::move(message),
        std::move(param), code, 0};
}

std::string quoted(std::string_view word)
{
    constexpr std::size_t longest = 64;

    std::string text = "'";
    text += word.substr(0, longest);
    text += word.size() > longest ? "…'" : "'";

    return text;
}

struct HostedTool {
    std::string_view type;          // a glob
    std::string_view upstream;
};

// OpenAI's hosted tools that upstream has the like of.
constexpr HostedTool hosted_tools[] = {
    {"web_search*", google_search},
    {"google_search", google_search},
    {"code_interpreter", "codeExecution"},
    {"code_execution", "codeExecution"},
    {"url_context", "urlContext"}
};

std::string_view hosted(std::string_view type)
{
    for (const HostedTool &known : hosted_tools) {
        if (glob_match(known.type, type)) {
            return known.upstream;
        }
    }

    return {};
}

// Functions of these names and without parameters ask for upstream's own, by
// a convention that began with other gateways.
constexpr std::string_view conventional[] = {
    google_search, "codeExecution", "urlContext"
};

/// What a tool_choice asks for.
enum class Choice : std::uint8_t { automatic, none, required };

class ToolsSetter {
public:
    ToolsSetter(const ChatRequest &request, const gemini::Family &family,
        const NameMap &names, Arena &arena, gemini::GenerateRequest &out)
        : request_(request), family_(family), names_(names), arena_(arena),
          out_(out)
    {
    }

    Result<void> run();

private:
    Result<void> add(const List<Tool> &tools, std::string_view list);
    Result<void> add(const Tool &tool, const std::string &param);
    Result<void> add_function(const Tool &tool, const std::string &param);
    void add_built_in(std::string_view name, const json::Raw &value);
    void settle_limits();

    Result<void> choose(const ToolChoice &choice, std::string_view param);
    Result<void> choose_word(std::string_view word, std::string_view param);
    Result<void> choose_one(const ToolChoice &choice,
        std::string_view param);
    Result<void> choose_among(const ToolChoice &choice,
        std::string_view param);
    Result<void> allow(const json::String &name, std::string_view param);
    void keep_only_allowed();

    const ChatRequest &request_;
    const gemini::Family &family_;
    const NameMap &names_;
    Arena &arena_;
    gemini::GenerateRequest &out_;

    std::unordered_set<std::string_view> declared_;
    std::unordered_set<std::string_view> built_in_;
    Choice choice_ = Choice::automatic;
    List<json::String> allowed_;
};

void ToolsSetter::add_built_in(std::string_view name, const json::Raw &value)
{
    if (!built_in_.insert(name).second) {
        return;
    }

    std::string text = "{\"";
    text += name;
    text += "\":";
    text += value.type == json::Type::object ? value.text
                                             : std::string_view("{}");
    text += '}';

    out_.tools.others.push(arena_,
        json::Raw{arena_.copy(text), json::Type::object});
}

Result<void> ToolsSetter::add_function(const Tool &tool,
    const std::string &param)
{
    if (tool.name.empty()) {
        std::string path = param + ".name";
        std::string message = "Missing required parameter: '" + path + "'.";

        return bad_request(std::move(path), std::move(message),
            "missing_required_parameter");
    }

    if (tool.parameters.present()
        && tool.parameters.type != json::Type::object)
    {
        std::string path = param + ".parameters";
        std::string message = "Invalid type for '" + path
                              + "': expected an object.";

        return bad_request(std::move(path), std::move(message),
            "invalid_type");
    }

    if (tool.parameters.text.size() > max_schema) {
        return bad_request(param + ".parameters",
            "The schema is longer than " + std::to_string(max_schema)
                + " bytes.", "invalid_value");
    }

    SchemaDialect dialect = family_.json_schema
        ? SchemaDialect::json_schema : SchemaDialect::openapi;
    json::Raw parameters = parameters_schema(tool.parameters, dialect,
        arena_);

    if (!parameters.present()) {
        for (std::string_view name : conventional) {
            if (tool.name.is(name)) {
                add_built_in(name, {});
                return {};
            }
        }
    }

    FunctionDeclaration function;
    function.name = names_.upstream_name(tool.name, arena_);
    function.description = tool.description;

    if (!declared_.insert(function.name.raw).second) {
        return bad_request(param + ".name",
            "There are two functions of the name "
                + quoted(tool.name.decode(arena_))
                + ": each needs one of its own.", "invalid_value");
    }

    if (dialect == SchemaDialect::json_schema) {
        function.parameters_json_schema = parameters;
    } else {
        function.parameters = parameters;
    }

    out_.tools.functions.push(arena_, function);
    return {};
}

Result<void> ToolsSetter::add(const Tool &tool, const std::string &param)
{
    if (!tool.built_in.empty()) {
        add_built_in(tool.built_in, tool.built_in_value);
        return {};
    }

    std::string_view type = tool.type.decode(arena_);

    if (type == "function" || (type.empty() && !tool.name.empty())) {
        return add_function(tool, param + ".function");
    }

    if (type.empty()) {
        std::string path = param + ".type";
        std::string message = "Missing required parameter: '" + path + "'.";

        return bad_request(std::move(path), std::move(message),
            "missing_required_parameter");
    }

    std::string_view name = hosted(type);

    if (name.empty()) {
        return bad_request(param + ".type", "Tools of the type "
            + quoted(type) + " are not supported: use 'function', "
            "'web_search' or 'code_interpreter'.", "invalid_value");
    }

    add_built_in(name, {});
    return {};
}

Result<void> ToolsSetter::add(const List<Tool> &tools, std::string_view list)
{
    std::size_t index = 0;

    for (const Tool &tool : tools) {
        std::string param(list);
        param += '[' + std::to_string(index) + ']';

        auto added = add(tool, param);

        if (!added) {
            return added;
        }

        ++index;
    }

    return {};
}

Result<void> ToolsSetter::allow(const json::String &name,
    std::string_view param)
{
    if (!names_.declares(name, arena_)
        || declared_.count(names_.upstream_name(name, arena_).raw) == 0)
    {
        return bad_request(std::string(param), "The function "
            + quoted(name.decode(arena_)) + " is not among the request's "
            "tools.", "invalid_value");
    }

    allowed_.push(arena_, names_.upstream_name(name, arena_));
    return {};
}

Result<void> ToolsSetter::choose_word(std::string_view word,
    std::string_view param)
{
    if (word == "auto") {
        choice_ = Choice::automatic;

    } else if (word == "none") {
        choice_ = Choice::none;

    } else if (word == "required" || word == "any") {
        choice_ = Choice::required;

    } else {
        return bad_request(std::string(param), "Invalid value: "
            + quoted(word) + ". It must be 'none', 'auto', 'required', or an "
            "object that names a function.", "invalid_value");
    }

    return {};
}

Result<void> ToolsSetter::choose_one(const ToolChoice &choice,
    std::string_view param)
{
    if (choice.name.empty()) {
        std::string path = std::string(param) + ".function.name";
        std::string message = "Missing required parameter: '" + path + "'.";

        return bad_request(std::move(path), std::move(message),
            "missing_required_parameter");
    }

    choice_ = Choice::required;
    return allow(choice.name, param);
}

Result<void> ToolsSetter::choose_among(const ToolChoice &choice,
    std::string_view param)
{
    if (choice.allowed_mode.is("required")) {
        choice_ = Choice::required;

    } else if (!choice.allowed_mode.empty()
               && !choice.allowed_mode.is("auto"))
    {
        return bad_request(std::string(param) + ".allowed_tools.mode",
            "Invalid value: the mode must be 'auto' or 'required'.",
            "invalid_value");
    }

    for (const json::String &name : choice.allowed) {
        auto allowed = allow(name, param);

        if (!allowed) {
            return allowed;
        }
    }

    return {};
}

Result<void> ToolsSetter::choose(const ToolChoice &choice,
    std::string_view param)
{
    if (!choice.word.empty()) {
        return choose_word(choice.word.decode(arena_), param);
    }

    std::string_view type = choice.type.decode(arena_);

    // Anthropic's "tool", and the legacy form without a type.
    if (type == "function" || type == "tool" || type.empty()) {
        return choose_one(choice, param);
    }

    if (type == "allowed_tools") {
        return choose_among(choice, param);
    }

    // Upstream decides by itself when to use its own.
    if (!hosted(type).empty()) {
        return {};
    }

    if (type == "custom") {
        return bad_request(std::string(param) + ".type",
            "Custom tools are not supported.", "invalid_value");
    }

    return choose_word(type, param);
}

/// Where the mode that takes names without forcing a call is not known.
void ToolsSetter::keep_only_allowed()
{
    std::unordered_set<std::string_view> wanted;

    for (const json::String &name : allowed_) {
        wanted.insert(name.raw);
    }

    List<FunctionDeclaration> kept;

    for (const FunctionDeclaration &function : out_.tools.functions) {
        if (wanted.count(function.name.raw) != 0) {
            kept.push(arena_, function);
        }
    }

    out_.tools.functions = kept;
    allowed_.clear();
}

/// Families that take functions with a JSON answer take all of it together,
/// and others nothing. Source: section 6.4.
void ToolsSetter::settle_limits()
{
    gemini::Tools &tools = out_.tools;
    gemini::GenerationConfig &generation = out_.generation;
    bool together = family_.tools_with_json;
    bool json = !generation.response_mime_type.empty();

    // Who may not be called need not be declared.
    if (choice_ == Choice::none && !together
        && (json || !tools.others.empty()))
    {
        tools.functions.clear();
    }

    if (tools.functions.empty()) {
        if (json && !together) {
            tools.others.clear();
        }

        return;
    }

    if (!together) {
        tools.others.clear();
        generation.response_mime_type = {};
        generation.response_json_schema = {};
        generation.response_schema = {};
    }

    // Upstream's own can neither be forced nor ruled out in a mode.
    if (choice_ == Choice::required) {
        tools.others.clear();

    } else if (choice_ == Choice::none && !tools.others.empty()) {
        tools.functions.clear();
    }
}

Result<void> ToolsSetter::run()
{
    struct {
        const List<Tool> &tools;
        std::string_view name;
    } lists[] = {
        {request_.tools, "tools"},
        {request_.google.tools, "google.tools"}
    };

    for (const auto &list : lists) {
        auto added = add(list.tools, list.name);

        if (!added) {
            return added;
        }
    }

    std::size_t index = 0;

    for (const Tool &function : request_.functions) {
        auto added = add_function(function,
            "functions[" + std::to_string(index++) + ']');

        if (!added) {
            return added;
        }
    }

    if (request_.web_search) {
        add_built_in(google_search, {});
    }

    bool modern = request_.tool_choice.has_value();
    const auto &choice = modern ? request_.tool_choice
                                : request_.function_call;

    if (choice) {
        auto chosen = choose(*choice,
            modern ? "tool_choice" : "function_call");

        if (!chosen) {
            return chosen;
        }
    }

    settle_limits();

    // A mode without functions is refused.
    if (out_.tools.functions.empty()) {
        return {};
    }

    FunctionCallingConfig &config = out_.function_calling;

    if (choice_ == Choice::none) {
        config.mode = "NONE";
        return {};
    }

    if (choice_ == Choice::required) {
        config.mode = "ANY";

    } else if (!allowed_.empty() && !family_.tools_with_json) {
        keep_only_allowed();

    } else if (!allowed_.empty() || !out_.tools.others.empty()) {
        config.mode = "VALIDATED";
    }

    config.allowed_names = allowed_;
    out_.server_side_tool_invocations = !out_.tools.others.empty();

    return {};
}

}

Result<void> set_tools(const ChatRequest &request,
    const gemini::Family &family, const NameMap &names, Arena &arena,
    gemini::GenerateRequest &out)
{
    return ToolsSetter(request, family, names, arena, out).run();
}

}
