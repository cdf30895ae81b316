#include "core/translate/parts.hpp"

#include "core/base/output.hpp"
#include "core/translate/call_ids.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace gw;
using translate::TextJoin;

json::String slice(std::string_view raw)
{
    return {raw, raw.find('\\') != std::string_view::npos};
}

TEST(TextJoin, MendsWhatWasCutAndReplacesWhatWasNot)
{
    struct Case {
        std::vector<std::string_view> slices;
        std::string_view joined;
    };

    for (const auto &c : std::vector<Case>{
             {{}, ""},
             {{"a", "", "b"}, "ab"},
             {{"\\n\\\\", "\\\\ud83d"}, "\\n\\\\\\\\ud83d"},
             {{"\\ud83d\\ude00"}, "\\ud83d\\ude00"},
             {{"a\\ud83d", "\\ude00b"}, "a\\ud83d\\ude00b"},
             {{"a\\uD83D", "", "\\uDE00b"}, "a\\uD83D\\uDE00b"},
             {{"a\\ud83d", "b"}, "a\\ufffdb"},
             {{"a\\ud83d", "\\nb"}, "a\\ufffd\\nb"},
             {{"a\\ud83d", "\\ud83d", "\\ude00"}, "a\\ufffd\\ud83d\\ude00"},
             {{"\\ude00x\\ude00"}, "\\ufffdx\\ufffd"},
             {{"\\ud83dx"}, "\\ufffdx"},
             {{"\\ud83d\\u0041"}, "\\ufffd\\u0041"},
             {{"x\\ud83d"}, "x\\ufffd"},
         })
    {
        StringOutput out;
        TextJoin join;

        for (auto text : c.slices) {
            join.append(slice(text), out);
        }

        join.end(out);
        EXPECT_EQ(out.view(), c.joined);
        EXPECT_FALSE(join.holding());
    }
}

struct KeptSignatures final : translate::SignatureSink {
    void keep(std::string_view id, const json::String &signature) override
    {
        kept.emplace_back(std::string(id) + "=" + std::string(signature.raw));
    }

    std::vector<std::string> kept;
};

TEST(CallIds, TellWhichSignatureWentOutWithWhichId)
{
    KeptSignatures sink;
    translate::CallIds ids("s", &sink);
    StringOutput out;
    gemini::ReplyFunctionCall call;

    ids.write(call, json::String("one"), out);
    ids.write(call, json::String(), out);
    call.id = json::String("given");
    ids.write(call, json::String("two"), out);

    EXPECT_EQ(sink.kept,
        (std::vector<std::string>{"call_s0=one", "given=two"}));
}

TEST(CallIds, KeepUpstreamsIdsAndNeverRepeatOne)
{
    translate::CallIds ids("s");

    auto write = [&ids](std::string_view id) {
        StringOutput out;
        gemini::ReplyFunctionCall call;
        call.id = json::String(id);
        ids.write(call, json::String(), out);
        return out.take();
    };

    EXPECT_EQ(write("a"), "\"a\"");
    EXPECT_EQ(write("a"), "\"call_s0\"");
    EXPECT_EQ(write(""), "\"call_s1\"");
    EXPECT_EQ(write(std::string(300, 'x')), "\"call_s2\"");

    for (int i = 0; i < 63; ++i) {
        EXPECT_EQ(write("u" + std::to_string(i)),
            "\"u" + std::to_string(i) + "\"");
    }

    EXPECT_EQ(write("one too many"), "\"call_s3\"");
    EXPECT_EQ(write("u7"), "\"call_s4\"");
}

}
