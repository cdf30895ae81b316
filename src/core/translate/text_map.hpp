// From Gemini's byte offsets into a part to OpenAI's character offsets into
// the content, without the text.
// Source: reference/chat-response.md section 8.
#pragma once

#include "core/json/value.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <vector>

namespace gw::translate {

/// Knows of a choice's content where the characters begin and which of it was
/// which part of upstream's. Plain ASCII takes no memory; from the first other
/// character on it is one bit a byte, up to 64 KiB of them. Behind that, and
/// behind the last part there is room for, offsets are not known any more.
class TextMap {
public:
    /// For text that is not upstream's: fences, tags.
    static constexpr std::int64_t no_part = -1;

    explicit TextMap(std::pmr::memory_resource *memory)
        : blocks_(memory)
    {
    }

    /// The next piece of the content, of this part. Part numbers only grow.
    void add(const json::String &slice, std::int64_t part);

    /// Both ends of a range in code points of the content.
    struct Range {
        std::int64_t begin = 0;
        std::int64_t end = 0;
    };

    /// Bytes into the part of this number or, because upstream does not count
    /// thoughts everywhere, the next that is content. What goes beyond the part
    /// goes on in those after it, and ends with the text. nullopt: not known.
    std::optional<Range> in_part(std::int64_t part, std::int64_t begin,
        std::int64_t end) const;

    /// Bytes into all of upstream's text together.
    std::optional<Range> in_text(std::int64_t begin, std::int64_t end) const;

private:
    static constexpr std::size_t max_parts = 32;
    static constexpr std::size_t max_blocks = 1024;
    static constexpr std::size_t words = 7;
    static constexpr std::size_t block_bytes = words * 64;

    struct Part {
        std::int64_t number = no_part;
        std::size_t begin = 0;
        std::size_t size = 0;
    };

    /// Which bytes continue a character, and how many before these do.
    struct Block {
        std::uint64_t continues[words];
        std::size_t before;
    };

    /// Which of two neighbours an offset between them belongs to.
    enum class Side { left, right };

    void add_plain(std::string_view text);
    void add_escaped(std::string_view raw);
    void add_character(std::size_t size);
    void settle();
    void measure();
    void mark(std::size_t byte);
    static std::size_t count(const Block &block, std::size_t bytes);
    std::optional<std::int64_t> code_points(std::size_t byte) const;
    std::optional<Range> range(std::size_t from, std::int64_t begin,
        std::int64_t end) const;
    std::optional<std::int64_t> locate(std::size_t from, std::int64_t byte,
        Side side) const;

    std::array<Part, max_parts> parts_{};
    std::size_t part_count_ = 0;
    std::pmr::vector<Block> blocks_;
    std::size_t ascii_ = 0;         // bytes before the first block
    std::size_t bytes_ = 0;
    std::size_t known_ = static_cast<std::size_t>(-1);  // bytes, at most
    std::int64_t part_ = no_part;
    bool half_ = false;             // a surrogate waits for its other half
    bool full_ = false;             // of parts
};

}
