// Whatever parses and translates gives a body that upstream's rules allow:
// JSON, contents that are not empty, no empty parts, roles that alternate and
// begin with the user, no plainly wrong numbers; in bounded memory.
#include "core/gemini/family.hpp"
#include "core/json/reader.hpp"
#include "core/translate/request.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>

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
    require(arena.held() <= bytes_at_least + bytes_per_input_byte * size);
    require(gw::gemini::estimate_tokens(out) > 0);

    gw::StringOutput written;
    gw::gemini::write(out, written);

    gw::json::Reader reader(arena, gw::json::Strictness::strict);
    constexpr gw::json::Shape any;
    require(static_cast<bool>(reader.read(written.view(), any, nullptr)));

    return 0;
}
