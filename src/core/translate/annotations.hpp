// Google's sources of an answer -> OpenAI's annotations, and what of them has
// no place there.
// Source: reference/chat-response.md section 8.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/list.hpp"
#include "core/gemini/generate_reply.hpp"
#include "core/json/value.hpp"
#include "core/openai/chat_reply.hpp"
#include "core/translate/text_map.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

namespace gw::translate {

/// A source and what it stands for, in code points of the content; 0 and 0
/// when upstream does not say, or nobody can.
struct Annotation {
    json::String url;
    json::String title;
    TextMap::Range range;
};

/// The annotations that a choice has had. Metadata comes again in later events
/// of a stream; each annotation is given once.
class Cited {
public:
    /// Of one choice; more sources than this are not given.
    static constexpr std::size_t max = 1024;

    explicit Cited(std::pmr::memory_resource *memory) : known_(memory) {}

    bool take(const Annotation &annotation);
    bool full() const { return known_.size() == max; }

private:
    std::pmr::vector<std::uint64_t> known_;     // hashes
};

/// Of groundingMetadata, each support with each of its web sources, then the
/// sources without a support; then citationMetadata's. `map` knows the
/// content that came so far: Google sends sources with or after the text.
List<Annotation> annotations_of(const gemini::Candidate &candidate,
    const TextMap &map, Cited &cited, Arena &arena);

void write_annotations(const List<Annotation> &annotations,
    json::Writer &writer);

/// What goes to the client as it came: grounding metadata without the page of
/// HTML in searchEntryPoint.renderedContent, URL context metadata, the
/// continuation token.
openai::GoogleExtra extra_of(const gemini::Candidate &candidate,
    Arena &arena);

}
