// An embedding's values from upstream's form to the client's.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/output.hpp"
#include "core/openai/embeddings.hpp"

#include <cstddef>
#include <string_view>

namespace gw::translate {

struct VectorRules {
    openai::EncodingFormat encoding = openai::EncodingFormat::numbers;
    std::size_t dimensions = 0;     // asked for; 0: as many as come
    /// Vectors of fewer values than this do not come normalised; 0: all do.
    std::size_t unit_from = 0;
};

/// Writes a vector as JSON's value: an array, or a string of base64. Where
/// nothing has to be reckoned the numbers go out letter by letter as they came.
/// OpenAI's vectors have length one, and clients rely on it: what came shorter
/// than unit_from, or is cut to `dimensions`, is scaled to that.
///
/// values: the array as it stood in a JSON document. false: it is no array of
/// numbers, is empty, holds fewer than were asked for, or one that a float32
/// cannot hold had to be reckoned with; something may have been written then.
bool write_vector(std::string_view values, const VectorRules &rules,
    Arena &arena, Output &out);

}
