// GET /v1/models and /v1/models/ID in OpenAI's list form.
// Source: reference/endpoints.md section 2.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/list.hpp"
#include "core/base/output.hpp"
#include "core/base/result.hpp"
#include "core/json/writer.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gw::openai {

/// Collects the pages of upstream's list, the Gemini API's or Vertex'; models
/// that only speak the Live API are left out. Owns its text, so pages may
/// go.
class ModelList {
public:
    /// At most this many models and bytes are kept, whatever upstream says.
    static constexpr std::size_t max_models = 10000;
    static constexpr std::size_t max_bytes = 4 * 1024 * 1024;

    /// Adds one page. Gives the token of the next page, empty at the end.
    /// Error (upstream_failed): not a list of models, or over the bounds.
    Result<std::string> add_page(std::string_view body);

    /// An operator's alias: listed in its own right, after the models, with
    /// its target's limits where known. Globs are not names and are skipped.
    void add_alias(std::string_view name, std::string_view target);

    /// {"object":"list","data":[…]}
    void write(Output &out) const;

    /// One model object by id or alias; prefixes such as "models/" do not
    /// count. false: not there.
    bool write_one(std::string_view id, Output &out) const;

    std::size_t size() const { return models_.size(); }

private:
    struct Model {
        std::string id;
        std::int64_t input_tokens = 0;      // 0: not known
        std::int64_t output_tokens = 0;
    };

    static void write_model(const Model &model, json::Writer &writer);

    void add(Model model);
    const Model *find(std::string_view id) const;

    std::vector<Model> models_;
    std::unordered_map<std::string, std::size_t> index_;
    std::size_t bytes_ = 0;
};

}
