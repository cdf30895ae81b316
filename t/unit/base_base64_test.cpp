// Base64 in, Google's form out.
#include "core/base/base64.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>

namespace {

using namespace gw;

TEST(Base64, EncodesTheVectorsOfTheRfc)
{
    struct Case {
        const char *bytes;
        const char *text;
    };

    for (const Case &c : {
             Case{"", ""}, Case{"f", "Zg=="}, Case{"fo", "Zm8="},
             Case{"foo", "Zm9v"}, Case{"foob", "Zm9vYg=="},
             Case{"fooba", "Zm9vYmE="}, Case{"foobar", "Zm9vYmFy"},
             Case{"\xfb\xff\xfe", "+//+"},
         })
    {
        EXPECT_EQ(base64::encode(c.bytes), c.text);
        EXPECT_EQ(base64::decode(c.text), c.bytes);
    }
}

TEST(Base64, NormalisesWhatClientsSend)
{
    struct Case {
        const char *text;
        const char *normal;
    };

    for (const Case &c : {
             Case{"Zg", "Zg=="}, Case{"Zg=", "Zg=="}, Case{"Zm8", "Zm8="},
             Case{"-__-", "+//+"}, Case{"+__-", "+//+"},
             Case{"Zm9v\r\nYmFy\r\n", "Zm9vYmFy"}, Case{" Zm9v", "Zm9v"},
             Case{"Z m\t9\nv", "Zm9v"}, Case{"Zg=\n=", "Zg=="},
             Case{"_-__", "/+//"}, Case{"\n", ""},
         })
    {
        Arena arena(std::pmr::new_delete_resource());
        EXPECT_EQ(base64::normalise(c.text, arena), c.normal) << c.text;
        EXPECT_EQ(base64::decode(c.text), base64::decode(c.normal));
    }
}

TEST(Base64, RefusesWhatIsNotBase64)
{
    for (const char *text : {"Z", "Zm9vY", "Zm9v=", "Zg===", "=", "Zg=x",
             "Zm9v!", "Zm,v", "Zm9\xc3\xa9", "Zm9v.", "data:x"})
    {
        Arena arena(std::pmr::new_delete_resource());
        EXPECT_FALSE(base64::normalise(text, arena).has_value()) << text;
        EXPECT_FALSE(base64::decode(text).has_value()) << text;
    }
}

TEST(Base64, NormalTextIsNotCopiedAndOneWrongByteIsFound)
{
    for (std::size_t size : {4u, 60u, 64u, 68u, 128u, 4096u}) {
        std::string text;

        while (text.size() < size) {
            text += "aZ09+/xY";
        }

        text.resize(size);

        Arena arena(std::pmr::new_delete_resource());
        auto normal = base64::normalise(text, arena);
        ASSERT_TRUE(normal.has_value());
        EXPECT_EQ(normal->data(), text.data());
        EXPECT_EQ(arena.held(), 0u);

        for (int c = 0; c < 256; ++c) {
            bool digit = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
                         || (c >= 'a' && c <= 'z') || c == '+' || c == '/';
            std::string changed = text;
            changed[size / 2] = static_cast<char>(c);
            auto result = base64::normalise(changed, arena);

            EXPECT_EQ(result && result->data() == changed.data(), digit)
                << c << " in " << size;
        }
    }

    Arena arena(std::pmr::new_delete_resource());
    std::string padded = "Zm9vYg==";
    EXPECT_EQ(base64::normalise(padded, arena)->data(), padded.data());
}

}
