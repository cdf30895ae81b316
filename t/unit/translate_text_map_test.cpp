#include "core/translate/text_map.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace gw;
using translate::TextMap;

json::String slice(std::string_view raw)
{
    return {raw, raw.find('\\') != std::string_view::npos};
}

using Ends = std::pair<std::int64_t, std::int64_t>;

Ends ends(const std::optional<TextMap::Range> &range)
{
    return range ? Ends{range->begin, range->end} : Ends{-1, -1};
}

TEST(TextMap, CountsCharactersHoweverTheyAreWritten)
{
    struct Case {
        std::vector<std::string_view> slices;
        Ends bytes;
        Ends characters;
    };

    for (const auto &c : std::vector<Case>{
             {{"abc"}, {1, 2}, {1, 2}},
             {{"abc"}, {0, 99}, {0, 3}},
             {{"abc"}, {2, 1}, {2, 2}},
             {{"a\\n\\\"b"}, {1, 4}, {1, 4}},
             {{"\xd0\xb6x\xd0\xb6"}, {2, 5}, {1, 3}},
             {{"\\u0436x\\u20acy"}, {2, 6}, {1, 3}},
             {{"\\ud83d\\ude00x"}, {4, 5}, {1, 2}},
             {{"\\ud83d", "", "\\ude00x"}, {4, 5}, {1, 2}},
             {{"\\ud83d", "x\xd0\xb6"}, {3, 6}, {1, 3}},
             {{"\\ud83d", "\\ud83d\\ude00"}, {3, 7}, {1, 2}},
             {{"\\udc00\\ud83dx"}, {3, 7}, {1, 3}},
         })
    {
        TextMap map(std::pmr::new_delete_resource());

        for (auto text : c.slices) {
            map.add(slice(text), 0);
        }

        EXPECT_EQ(ends(map.in_part(0, c.bytes.first, c.bytes.second)),
            c.characters) << c.slices[0];
        EXPECT_EQ(ends(map.in_text(c.bytes.first, c.bytes.second)),
            c.characters) << c.slices[0];
    }
}

TEST(TextMap, KnowsWhichTextIsWhosePart)
{
    TextMap map(std::pmr::new_delete_resource());

    EXPECT_EQ(ends(map.in_part(0, 0, 1)), Ends(-1, -1));
    EXPECT_EQ(ends(map.in_text(0, 1)), Ends(-1, -1));

    map.add(slice("<\xd0\xb6>"), TextMap::no_part);
    map.add(slice("\xd0\xb6""bc"), 1);
    map.add(slice("---"), TextMap::no_part);
    map.add(slice("d"), 4);
    map.add(slice("\xd0\xb6"), 4);

    EXPECT_EQ(ends(map.in_part(0, 0, 2)), Ends(3, 4));
    EXPECT_EQ(ends(map.in_part(1, 2, 4)), Ends(4, 6));
    EXPECT_EQ(ends(map.in_part(1, 2, 5)), Ends(4, 10));
    EXPECT_EQ(ends(map.in_part(1, 2, 99)), Ends(4, 11));
    EXPECT_EQ(ends(map.in_part(2, 0, 3)), Ends(9, 11));
    EXPECT_EQ(ends(map.in_part(4, 1, 3)), Ends(10, 11));
    EXPECT_EQ(ends(map.in_part(5, 0, 1)), Ends(-1, -1));
    EXPECT_EQ(ends(map.in_text(0, 4)), Ends(3, 6));
    EXPECT_EQ(ends(map.in_text(4, 7)), Ends(9, 11));
    EXPECT_EQ(ends(map.in_text(2, 99)), Ends(4, 11));
}

TEST(TextMap, IsExactFarIntoATextAndSaysWhenItIsNoMore)
{
    TextMap map(std::pmr::new_delete_resource());
    std::string piece = "ab\xe2\x82\xac";        // five bytes, three characters

    for (int i = 0; i < 200000; ++i) {
        map.add(slice(piece), 0);
    }

    for (std::int64_t i : {0, 1, 90, 1000, 50000, 90000}) {
        EXPECT_EQ(ends(map.in_part(0, 5 * i + 2, 5 * i + 5)),
            Ends(3 * i + 2, 3 * i + 3)) << i;
    }

    EXPECT_EQ(ends(map.in_part(0, 0, 999999)), Ends(-1, -1));
}

TEST(TextMap, HoldsLittle)
{
    struct Counting final : std::pmr::memory_resource {
        void *do_allocate(std::size_t size, std::size_t align) override
        {
            held += size;
            return std::pmr::new_delete_resource()->allocate(size, align);
        }

        void do_deallocate(void *p, std::size_t size,
            std::size_t align) override
        {
            held -= size;
            std::pmr::new_delete_resource()->deallocate(p, size, align);
        }

        bool do_is_equal(const memory_resource &other) const noexcept override
        {
            return this == &other;
        }

        std::size_t held = 0;
    } memory;

    TextMap map(&memory);
    std::string ascii(1 << 20, 'x');

    for (int i = 0; i < 100; ++i) {
        map.add(slice(ascii), 0);
    }

    EXPECT_EQ(memory.held, 0u);

    for (int i = 0; i < 500000; ++i) {
        map.add(slice("\xd0\xb6\xd0\xb6"), i);
    }

    EXPECT_LT(memory.held, 100u * 1024);
}

}
