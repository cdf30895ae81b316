// What Google keeps for a project, by name: caches, files, batches and
// operations. Which of them a request names, and which an answer shows.
// Source: reference/endpoints.md sections 11 and 12.
#pragma once

#include "core/base/arena.hpp"
#include "core/gemini/error.hpp"
#include "core/json/value.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::gemini {

/// Of one request; more than anybody's files.
constexpr std::size_t max_names = 1024;

/// The longest name that is one.
constexpr std::size_t max_name = 512;

/// "files/abc" of itself and of URIs that end in it below a version, with or
/// without ":download" and a query. Empty: it is no file of the Files API.
std::string_view file_name_in(std::string_view uri);

/// "cachedContents/abc"; a slash at either end does not count. Empty: no.
std::string_view cache_name_in(std::string_view text);

struct RequestNames {
    std::vector<std::string> names;     // each once, in the order they stood
    std::string model;                  // of a cache that is to be made, as
                                        // written: "models/abc"
    std::string_view model_text;        // the same where it stood in the body
};

enum class Look : std::uint8_t {
    always,         // the body is about what is kept
    at_need         // first for the words that only such a body has: bodies
                    // of megabytes are read only if they have them
};

/// What is no JSON, or too deep, names nothing: Google will say so itself.
RequestNames names_in_request(std::string_view body, Look look,
    std::pmr::memory_resource *memory);

/// One that an answer shows. expires_ms: Unix; 0: it does not say.
struct Shown {
    std::string name;
    std::int64_t expires_ms = 0;
};

/// Whether an error says no more than that what a request names is not there,
/// or another project's: nothing about the credential.
bool is_about_resource(const UpstreamError &error);

/// How long something of that name lives where nothing says so.
std::int64_t usual_life_ms(std::string_view name);

/// Of the answer to a call that makes one or looks one up: it, and the files
/// it has made (the answers of a batch, the video of an operation).
std::vector<Shown> names_in_answer(std::string_view body,
    std::pmr::memory_resource *memory);

/// A page of a list.
struct Page {
    std::string_view collection;            // "files", as the answer has it;
                                            // empty: it has none
    std::vector<std::string_view> items;    // slices of the body
    std::string next_page_token;            // empty: it is the last
};

/// nullopt: it is none.
std::optional<Page> read_page(std::string_view body,
    std::pmr::memory_resource *memory);

}
