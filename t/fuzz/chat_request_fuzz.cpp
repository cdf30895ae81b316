// Whatever parses and translates gives a body that upstream's rules allow:
// JSON, contents that are not empty, no empty parts, roles that alternate and
// begin with the user, results directly behind their calls, names upstream
// takes and the client gets back, no plainly wrong numbers; in bounded memory.
#include "core/gemini/family.hpp"
#include "core/json/reader.hpp"
#include "core/translate/names.hpp"
#include "core/translate/request.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <set>
#include <string>
#include <vector>

namespace {

using gw::gemini::Content;
using gw::gemini::Part;
using gw::gemini::Role;

constexpr const char *models[] = {
    "gemini-1.5-pro", "gemini-2.0-flash", "gemini-2.5-pro",
    "gemini-2.5-flash-lite", "gemini-3-pro-preview", "gemini-3.8-flash",
    "gemini-4-argon", "gemma-3-27b-it", "gemini-2.5-flash-image"
};

// A request is held as typed values. The shortest thing that makes one of
// them, a message, takes 16 bytes; a value is under a kilobyte.
constexpr std::size_t bytes_per_input_byte = 64;
constexpr std::size_t bytes_at_least = 1 << 16;

void require(bool condition)
{
    if (!condition) {
        __builtin_trap();
    }
}

void check_part(const Part &part)
{
    switch (part.kind) {

    case Part::Kind::text:
        require(!part.text.empty() || !part.thought_signature.empty());
        break;

    case Part::Kind::inline_data:
        require(!part.inline_data.mime_type.empty());
        require(!part.inline_data.data.empty());
        require(part.inline_data.data.size() % 4 == 0);
        break;

    case Part::Kind::file_data:
        require(!part.file_data.file_uri.empty());
        break;

    case Part::Kind::function_call:
        require(!part.function_call.name.empty());
        break;

    case Part::Kind::function_response:
        require(!part.function_response.name.empty());
        break;
    }
}

void check_contents(const gw::gemini::GenerateRequest &request,
    const gw::gemini::Family &family)
{
    require(!request.contents.empty());

    Role expected = Role::user;

    for (const Content &content : request.contents) {
        require(content.role == expected);
        require(!content.parts.empty());
        expected = expected == Role::user ? Role::model : Role::user;

        for (const Part &part : content.parts) {
            check_part(part);
        }
    }

    require(family.trailing_model_turn
            || request.contents.back().role == Role::user);
    require(family.system_instruction || request.system_instruction.empty());

    for (const Part &part : request.system_instruction) {
        require(part.kind == Part::Kind::text && !part.text.empty());
    }
}

bool is_valid_name(std::string_view name)
{
    auto letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };

    if (name.empty() || name.size() > 64 || !letter(name[0])) {
        return false;
    }

    for (char c : name) {
        if (!letter(c) && !(c >= '0' && c <= '9') && c != '.' && c != ':'
            && c != '-')
        {
            return false;
        }
    }

    return true;
}

std::vector<const Part *> parts_of(const Content &content, Part::Kind kind)
{
    std::vector<const Part *> found;

    for (const Part &part : content.parts) {
        if (part.kind == kind) {
            found.push_back(&part);
        }
    }

    return found;
}

/// Directly behind each turn with calls stand their results, one for each and
/// in order, and nowhere else.
void check_calls(const gw::gemini::GenerateRequest &request,
    const gw::gemini::Family &family)
{
    std::vector<const Part *> calls;
    bool may_lack = true;       // until the user last spoke

    const Content *spoken = nullptr;

    for (const Content &content : request.contents) {
        if (content.role == Role::user
            && parts_of(content, Part::Kind::function_response).empty())
        {
            spoken = &content;
        }
    }

    for (const Content &content : request.contents) {
        auto results = parts_of(content, Part::Kind::function_response);

        may_lack = may_lack && &content != spoken;

        require(results.size() == calls.size());
        require(content.role == Role::user || results.empty());

        std::size_t i = 0;

        for (const Part &part : content.parts) {
            if (i == results.size()) {
                break;
            }

            require(&part == results[i]);

            const auto &call = calls[i]->function_call;
            const auto &result = part.function_response;

            require(result.name.raw == call.name.raw);
            require(result.id.raw == call.id.raw);
            require(result.response.type == gw::json::Type::object);
            require(family.function_call_ids || result.parts.empty());
            ++i;
        }

        calls = parts_of(content, Part::Kind::function_call);
        require(content.role == Role::model || calls.empty());

        for (const Part *part : calls) {
            require(is_valid_name(part->function_call.name.raw));
            require(family.function_call_ids
                    || part->function_call.id.empty());
            require(!part->function_call.args.present()
                    || part->function_call.args.type
                           == gw::json::Type::object);
        }

        require(calls.empty() || !family.signatures
                || !calls[0]->thought_signature.empty() || may_lack);
    }

    require(calls.empty());
}

void check_tools(const gw::gemini::GenerateRequest &request,
    const gw::gemini::Family &family)
{
    std::set<std::string_view> names;
    bool functions = !request.tools.functions.empty();
    bool others = !request.tools.others.empty();
    bool json = !request.generation.response_mime_type.empty();
    const auto &config = request.function_calling;

    for (const auto &function : request.tools.functions) {
        require(is_valid_name(function.name.raw));
        require(names.insert(function.name.raw).second);
        require(!function.parameters.present()
                || !function.parameters_json_schema.present());
    }

    for (const auto &name : config.allowed_names) {
        require(names.count(name.raw) == 1);
    }

    require(functions || config.mode.empty());
    require(config.allowed_names.empty() || config.mode == "ANY"
            || config.mode == "VALIDATED");
    require(!functions || !others
            || (request.server_side_tool_invocations
                && config.mode == "VALIDATED"));
    require(family.tools_with_json
            || (functions ? 1 : 0) + (others ? 1 : 0) + (json ? 1 : 0) <= 1);
}

/// The client sees its own names again.
void check_names(const gw::openai::ChatRequest &request, gw::Arena &arena)
{
    const gw::translate::NameMap names(request, arena);

    for (const auto &tool : request.tools) {
        if (tool.name.empty()) {
            continue;
        }

        auto there = names.upstream_name(tool.name, arena);
        auto back = names.client_name(there);

        require(is_valid_name(there.raw));
        require(back.decode(arena) == tool.name.decode(arena));
    }
}

void check_generation(const gw::gemini::GenerationConfig &config,
    const gw::gemini::Family &family)
{
    require(!config.seed
            || (*config.seed >= INT32_MIN && *config.seed <= INT32_MAX));
    require(!config.max_output_tokens
            || (*config.max_output_tokens >= 1
                && *config.max_output_tokens <= family.output_tokens));
    require(config.stop_sequences.size() <= 5);
    require(!config.thinking.budget || config.thinking.level.empty());
    require(family.thinking != gw::gemini::ThinkingControl::none
            || !config.thinking.present());
    require(family.sampling || (!config.temperature && !config.top_p));
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
    std::size_t size)
{
    if (size == 0) {
        return 0;
    }

    std::string_view model =
        models[data[0] % (sizeof(models) / sizeof(models[0]))];
    std::string_view body(reinterpret_cast<const char *>(data) + 1,
        size - 1);

    gw::Arena arena(std::pmr::new_delete_resource());
    gw::openai::ChatRequest request;

    if (!gw::openai::parse(body, arena, request)) {
        return 0;
    }

    gw::translate::RequestOptions options;
    options.model = model;
    gw::gemini::GenerateRequest out;

    if (!gw::translate::to_generate_request(request, options, arena, out)) {
        return 0;
    }

    const auto &family = gw::gemini::family_of(model);
    check_contents(out, family);
    check_generation(out.generation, family);
    check_calls(out, family);
    check_tools(out, family);
    check_names(request, arena);
    require(arena.held() <= bytes_at_least + bytes_per_input_byte * size);
    require(gw::gemini::estimate_tokens(out) > 0);

    gw::StringOutput written;
    gw::gemini::write(out, written);

    gw::json::Reader reader(arena, gw::json::Strictness::strict);
    constexpr gw::json::Shape any;
    require(static_cast<bool>(reader.read(written.view(), any, nullptr)));

    return 0;
}
