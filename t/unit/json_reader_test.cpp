// Tables in, values out: what a document may look like, and what is said about
// one that may not.
#include "core/json/reader.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory_resource>
#include <string>
#include <vector>

namespace {

using namespace gw;

struct Part {
    json::String type;
    std::optional<json::Number> size;
    bool closed = false;
};

constexpr json::Field part_fields[] = {
    json::string<&Part::type>("type"),
    json::number<&Part::size>("size"),
};
void close_part(json::Reader &reader, void *target)
{
    auto *part = static_cast<Part *>(target);
    part->closed = true;

    if (part->type.is("refused")) {
        reader.fail("the part is refused", "no_part");
    }
}

constexpr json::Shape part_shape{part_fields, close_part};

struct Message {
    json::String role;
    List<Part> content;
};

constexpr json::Field message_fields[] = {
    json::string<&Message::role>("role"),
    json::list<&Message::content, Part, part_shape>("content"),
};
constexpr json::Shape message_shape{message_fields};

struct Document {
    json::String model;
    std::optional<std::int64_t> seed;
    std::optional<json::Number> temperature;
    std::optional<bool> stream;
    json::Raw schema;
    std::optional<Part> part;
    List<Message> messages;
    List<json::String> stop;
    int nulls = 0;
};

json::Field null_taker()
{
    json::Field field;
    field.name = "nothing";
    field.expected = "null";
    field.takes_null = true;
    field.scalar = [](json::Reader &, void *object, const json::Scalar &) {
        ++static_cast<Document *>(object)->nulls;
    };
    return field;
}

const json::Field document_fields[] = {
    json::string<&Document::model>("model"),
    json::integer<&Document::seed>("seed"),
    json::number<&Document::temperature>("temperature"),
    json::boolean<&Document::stream>("stream"),
    json::raw<&Document::schema>("schema"),
    json::object<&Document::part, part_shape>("part"),
    json::list<&Document::messages, Message, message_shape>("messages"),
    json::strings<&Document::stop>("stop"),
    null_taker(),
};
const json::Shape document_shape{document_fields};

struct Reading {
    explicit Reading(std::string json,
        json::Strictness strictness = json::Strictness::strict)
        : text(std::move(json)),
          arena(std::pmr::new_delete_resource()),
          result(json::read(text, document_shape, document, arena,
              strictness))
    {
    }

    std::string text;
    Arena arena;
    Document document;
    Result<void> result;
};

TEST(JsonReader, ReadsEachKindOfField)
{
    Reading run(R"( {"model" : "m", "seed":-7,"temperature":0.70,
        "stream":true,"schema": {"a":[1, {}], "b":"]}\""} ,
        "part":{"type":"p","size":1e3},
        "messages":[{"role":"user","content":[{"type":"a"},{"type":"b"}]},
                    {"role":"model","content":[]}],
        "stop":["x","y"], "nothing":null}
    )");

    ASSERT_TRUE(run.result) << run.result.error().message;
    const Document &document = run.document;

    EXPECT_EQ(document.model.raw, "m");
    EXPECT_EQ(document.seed, -7);
    EXPECT_EQ(document.temperature->text, "0.70");
    EXPECT_EQ(document.stream, true);
    EXPECT_EQ(document.schema.text, R"({"a":[1, {}], "b":"]}\""})");
    EXPECT_EQ(document.schema.type, json::Type::object);
    EXPECT_EQ(document.part->type.raw, "p");
    EXPECT_EQ(document.part->size->text, "1e3");
    EXPECT_TRUE(document.part->closed);
    ASSERT_EQ(document.messages.size(), 2u);
    EXPECT_EQ(document.messages.front().role.raw, "user");
    ASSERT_EQ(document.messages.front().content.size(), 2u);
    EXPECT_EQ(document.messages.front().content.back().type.raw, "b");
    EXPECT_TRUE(document.messages.back().content.empty());
    ASSERT_EQ(document.stop.size(), 2u);
    EXPECT_EQ(document.stop.back().raw, "y");
    EXPECT_EQ(document.nulls, 1);
}

TEST(JsonReader, UnknownNamesAreSkippedWithAllTheyHold)
{
    Reading run(R"({"a":{"model":"wrong","b":[{"model":"wrong"}]},)"
        R"("c":[[],"]"],"d\u0022":1.5,"e":null,"f":"\"","model":"right",)"
        R"("g":false})");

    ASSERT_TRUE(run.result) << run.result.error().message;
    EXPECT_EQ(run.document.model.raw, "right");
}

TEST(JsonReader, ValuesAreSlicesOfTheText)
{
    Reading run(R"({"model":"abc","schema":[1],"stop":["a\nb"]})");

    auto inside = [&](std::string_view slice) {
        return slice.data() >= run.text.data()
               && slice.data() + slice.size()
                  <= run.text.data() + run.text.size();
    };

    ASSERT_TRUE(run.result);
    EXPECT_TRUE(inside(run.document.model.raw));
    EXPECT_TRUE(inside(run.document.schema.text));
    EXPECT_TRUE(inside(run.document.stop.front().raw));
}

TEST(JsonReader, SaysWhetherAStringIsEscaped)
{
    struct Case {
        const char *json;
        const char *raw;
        bool escaped;
        const char *decoded;
    };

    for (const Case &c : {
             Case{R"("")", "", false, ""},
             Case{R"("plain")", "plain", false, "plain"},
             Case{R"("a\nb")", R"(a\nb)", true, "a\nb"},
             Case{R"("\"")", R"(\")", true, "\""},
             Case{R"("\\")", R"(\\)", true, "\\"},
             Case{R"(",:\",: ")", R"(,:\",: )", true, ",:\",: "},
             Case{R"("\u0041")", R"(\u0041)", true, "A"},
             Case{"\"\xc3\xa9\"", "\xc3\xa9", false, "\xc3\xa9"},
         })
    {
        for (const char *form : {
                 "{\"model\":%}", "{ \"model\" \n:\t % }",
                 "{\"x\":1,\"model\":%}",
                 "{\"x\":\"\\\"\",\"model\":%,\"y\":[]}",
                 "{\"x\":[[{}],\"\\\"\"],\"model\" : %,\"y\":[]}",
                 "{\"schema\":{\"a\":\"\\\\\"},\"model\":%}",
                 "{\"schema\":\"\\\\\",\"model\":%}",
                 "{\"stream\":false ,\"model\":%}",
                 "{\"nothing\":null ,\"model\":%}",
                 "{\"seed\":1 ,\"model\":%}",
                 "{\"stop\":[ \"a\" , \"b\" ] ,\"mod\\u0065l\":%}",
             })
        {
            std::string text = form;
            text.replace(text.find('%'), 1, c.json);
            Reading run(text);

            ASSERT_TRUE(run.result) << text << run.result.error().message;
            EXPECT_EQ(run.document.model.raw, c.raw) << text;
            EXPECT_EQ(run.document.model.escaped, c.escaped) << text;
            EXPECT_EQ(run.document.model.decode(run.arena), c.decoded)
                << text;
        }
    }
}

// Every character of every string as a \u escape, names too.
std::string escape_all(std::string_view json)
{
    std::string out;
    bool inside = false;

    for (char c : json) {
        if (c == '"') {
            inside = !inside;
            out += c;

        } else if (inside) {
            char escape[8];
            std::snprintf(escape, sizeof(escape), "\\u%04x",
                static_cast<unsigned char>(c));
            out += escape;

        } else {
            out += c;
        }
    }

    return out;
}

TEST(JsonReader, HowStringsAreEscapedChangesNoValue)
{
    constexpr std::string_view text =
        R"({"model":"m-1","seed":5,"messages":[{"role":"user","content":)"
        R"([{"type":"text","size":12345678901234567890}]}],"stop":["ab"]})";

    Reading plain{std::string(text)};
    Reading escaped(escape_all(text));

    ASSERT_TRUE(plain.result);
    ASSERT_TRUE(escaped.result) << escaped.result.error().message;
    EXPECT_EQ(escaped.document.model.decode(escaped.arena), "m-1");
    EXPECT_EQ(escaped.document.seed, 5);
    EXPECT_EQ(escaped.document.stop.front().decode(escaped.arena), "ab");
    ASSERT_EQ(escaped.document.messages.size(), 1u);

    const Message &message = escaped.document.messages.front();
    EXPECT_EQ(message.role.decode(escaped.arena), "user");
    EXPECT_EQ(message.content.front().type.decode(escaped.arena), "text");
    EXPECT_EQ(message.content.front().size->text, "12345678901234567890");
}

TEST(JsonReader, NumbersKeepTheirDigits)
{
    for (const char *number : {"0", "-0", "1.10", "1E+5", "-1.5e-10",
             "123456789012345678901234567890", "0.1000000000000000000001"})
    {
        for (const char *behind : {"}", " }", ",\"x\":1}", "\n}"}) {
            Reading run(std::string("{\"schema\": ") + number
                    + ",\"temperature\": " + number + behind);

            ASSERT_TRUE(run.result) << number;
            EXPECT_EQ(run.document.temperature->text, number);
            EXPECT_EQ(run.document.schema.text, number);
            EXPECT_EQ(run.document.schema.type, json::Type::number);
        }
    }
}

TEST(JsonReader, RawTakesAnyValueWholeButNull)
{
    struct Case {
        const char *value;
        json::Type type;
    };

    for (const Case &c : {
             Case{"{}", json::Type::object},
             Case{"[]", json::Type::array},
             Case{"[ {\"a\":[]} , 1 ]", json::Type::array},
             Case{"\"\"", json::Type::string},
             Case{"\"a\\\"b\"", json::Type::string},
             Case{"-1.0", json::Type::number},
             Case{"true", json::Type::boolean},
             Case{"false", json::Type::boolean},
         })
    {
        for (const char *form : {"{\"schema\":%}", "{\"schema\" : % , \"x\":1}",
                 "{\"x\":{},\"schema\":\n%\n}"})
        {
            std::string text = form;
            text.replace(text.find('%'), 1, c.value);
            Reading run(text);

            ASSERT_TRUE(run.result) << text;
            EXPECT_EQ(run.document.schema.text, c.value) << text;
            EXPECT_EQ(run.document.schema.type, c.type) << text;
        }
    }

    EXPECT_FALSE(Reading(R"({"schema":null})").document.schema.present());
}

TEST(JsonReader, TheLastOfEqualNamesCounts)
{
    Reading run(R"({"model":"a","seed":1,"stop":["a","b"],"schema":1,
        "part":{"type":"a","size":1},"messages":[{},{}],
        "model":"b","seed":2,"stop":["c"],"schema":{"z":2},
        "part":{"type":"b"},"messages":[{"role":"r"}]})");

    ASSERT_TRUE(run.result);
    EXPECT_EQ(run.document.model.raw, "b");
    EXPECT_EQ(run.document.seed, 2);
    ASSERT_EQ(run.document.stop.size(), 1u);
    EXPECT_EQ(run.document.stop.front().raw, "c");
    EXPECT_EQ(run.document.schema.text, R"({"z":2})");
    EXPECT_EQ(run.document.part->type.raw, "b");
    EXPECT_FALSE(run.document.part->size.has_value());
    ASSERT_EQ(run.document.messages.size(), 1u);
    EXPECT_EQ(run.document.messages.front().role.raw, "r");
}

TEST(JsonReader, NullIsAbsent)
{
    Reading run(R"({"model":null,"seed":null,"temperature":null,"stream":null,)"
            R"("part":null,"messages":null,"stop":[null,"a"]})");

    ASSERT_TRUE(run.result) << run.result.error().message;
    EXPECT_TRUE(run.document.model.empty());
    EXPECT_FALSE(run.document.seed.has_value());
    EXPECT_FALSE(run.document.part.has_value());
    EXPECT_EQ(run.document.stop.size(), 1u);
}

TEST(JsonReader, AWrongTypeIsNamedWithItsPath)
{
    struct Case {
        const char *json;
        const char *param;
        const char *message;
    };

    for (const Case &c : {
             Case{R"({"model":[]})", "model",
                 "expected a string, got an array"},
             Case{R"({"model":1})", "model", "expected a string, got a number"},
             Case{R"({"x":[[1]],"model":{}})", "model",
                 "expected a string, got an object"},
             Case{R"({"stream":"true"})", "stream",
                 "expected a boolean, got a string"},
             Case{R"({"part":"a"})", "part",
                 "expected an object, got a string"},
             Case{R"({"part":[]})", "part",
                 "expected an object, got an array"},
             Case{R"({"part":{"type":true}})", "part.type",
                 "expected a string, got a boolean"},
             Case{R"({"messages":{}})", "messages",
                 "expected an array, got an object"},
             Case{R"({"messages":[{},3]})", "messages[1]",
                 "expected an object, got a number"},
             Case{R"({"messages":[{},{},{"role":"a"},
                      {"content":[{"type":[]}]}]})",
                 "messages[3].content[0].type",
                 "expected a string, got an array"},
             Case{R"({"messages":[null,{"role":1}]})", "messages[1].role",
                 "expected a string, got a number"},
             Case{R"({"stop":["a",{}]})", "stop[1]",
                 "expected a string, got an object"},
             Case{R"({"seed":1.5})", "seed", "expected an integer"},
             Case{R"({"messages":[{"content":[{},{"type":"refused"}]}]})",
                 "messages[0].content[1]", "the part is refused"},
         })
    {
        Reading run(c.json);

        ASSERT_FALSE(run.result) << c.json;
        EXPECT_EQ(run.result.error().kind, ErrorKind::bad_request);
        EXPECT_EQ(run.result.error().param, c.param) << c.json;
        EXPECT_EQ(run.result.error().message, c.message) << c.json;
    }

    EXPECT_EQ(Reading(R"({"part":{"type":"refused"}})").result.error().code,
        "no_part");
}

TEST(JsonReader, LenientTakesAWrongTypeForAbsent)
{
    Reading run(R"({"model":[],"stream":"true","part":[{"type":"x"}],
        "messages":[{"role":{"role":"x"},"content":{}},5,{"role":"r"}],
        "stop":["a",{},[],1,"b"],"seed":3})", json::Strictness::lenient);

    ASSERT_TRUE(run.result) << run.result.error().message;
    EXPECT_TRUE(run.document.model.empty());
    EXPECT_FALSE(run.document.stream.has_value());
    EXPECT_FALSE(run.document.part.has_value());
    ASSERT_EQ(run.document.messages.size(), 2u);
    EXPECT_TRUE(run.document.messages.front().role.empty());
    EXPECT_EQ(run.document.messages.back().role.raw, "r");
    EXPECT_EQ(run.document.stop.size(), 2u);
    EXPECT_EQ(run.document.seed, 3);
}

TEST(JsonReader, RefusesWhatIsNotOneJsonObject)
{
    for (const char *text : {"", " ", "[]", "[{}]", "1", "\"a\"", "null",
             "true", "tru", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}",
             "{\"a\":[1,]}", "{\"a\":1}}", "{}{}", "{} x", "{} \"abc", "{} 1",
             "{} tru", "{},", "{\"a\":01}", "{\"a\":+1}", "{\"a\":1.}",
             "{\"a\":.5}", "{\"a\":NaN}", "{'a':1}", "{a:1}", "{\"a\":\"\n\"}",
             "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\" 1}",
             "{\"a\":1 \"b\":2}", "{}/**/", "{/* */}", "\xef\xbb\xbf{}",
             "{\f}", "\v{}", "{}\f", "{\"a\":\v1}"})
    {
        for (auto strictness :
            {json::Strictness::strict, json::Strictness::lenient})
        {
            Reading run(text, strictness);
            ASSERT_FALSE(run.result) << text;
            EXPECT_EQ(run.result.error().kind, ErrorKind::bad_request);
            EXPECT_EQ(run.result.error().param, "");
            EXPECT_FALSE(run.result.error().message.empty());
        }
    }

    EXPECT_EQ(Reading("[]").result.error().message,
        "expected a JSON object, got an array");
    EXPECT_TRUE(Reading(" \t\r\n{} \t\r\n").result);
}

TEST(JsonReader, AnErrorSaysWhereAndQuotesNothing)
{
    EXPECT_EQ(Reading("{\"a\":1} secret").result.error().message,
        "invalid JSON at byte 8");
    EXPECT_EQ(Reading("{\"a\":\"secret").result.error().message,
        "invalid JSON: it ends unfinished at byte 12");
    EXPECT_EQ(Reading("{\"a\":secret}").result.error().message,
        "invalid JSON at byte 5");
}

TEST(JsonReader, RefusesInvalidUtf8WhereverItStands)
{
    for (const char *bad : {"\x80", "\xff", "\xc0\xaf", "\xe0\x80\xaf",
             "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
             "\xc3", "\xe2\x82", "\xf0\x9f\x98"})
    {
        for (const char *form : {"{\"model\":\"%\"}", "{\"x\":[\"%\"]}",
                 "{\"schema\":{\"%\":1}}", "{\"%\":1}", "{%}"})
        {
            std::string text = form;
            text.replace(text.find('%'), 1, bad);
            EXPECT_FALSE(Reading(text).result) << text;
        }
    }

    EXPECT_TRUE(Reading("{\"model\":\"\xf0\x9f\x98\x80\xe2\x80\xa8\"}").result);
}

std::string nested(std::size_t levels, std::string_view open,
    std::string_view close)
{
    std::string text;

    for (std::size_t i = 0; i < levels; ++i) {
        text += open;
    }

    for (std::size_t i = 0; i < levels; ++i) {
        text += close;
    }

    return text;
}

TEST(JsonReader, DepthIsBoundedInFieldsRawAndSkippedAlike)
{
    for (std::string name : {"schema", "unknown"}) {
        auto document = [&](std::size_t levels) {
            return "{\"" + name + "\":" + nested(levels, "[", "]") + "}";
        };

        EXPECT_TRUE(Reading(document(json::max_depth - 1)).result) << name;
        EXPECT_FALSE(Reading(document(json::max_depth)).result) << name;
        EXPECT_FALSE(Reading(document(100000)).result) << name;
        EXPECT_FALSE(
            Reading(document(100000), json::Strictness::lenient).result);
    }

    EXPECT_FALSE(Reading(nested(100000, "{\"part\":", "}")).result);
    EXPECT_FALSE(Reading(std::string(100000, '[')).result);
}

struct Tree {
    List<Tree> children;
};

extern const json::Shape tree_shape;
const json::Field tree_fields[] = {
    json::list<&Tree::children, Tree, tree_shape>("c"),
};
const json::Shape tree_shape{tree_fields};

TEST(JsonReader, FilledLevelsReachTheLimitOfDepth)
{
    constexpr std::size_t pairs = json::max_depth / 2;

    auto document = [](std::size_t levels) {
        return nested(levels - 1, "{\"c\":[", "]}").insert(
            (levels - 1) * 6, "{\"c\":[]}");
    };

    Arena arena(std::pmr::new_delete_resource());
    Tree tree;
    std::string text = document(pairs);
    EXPECT_TRUE(json::read(text, tree_shape, tree, arena));

    text = document(pairs + 1);
    EXPECT_FALSE(json::read(text, tree_shape, tree, arena));
}

TEST(JsonReader, ALongStringIsNotCopied)
{
    constexpr std::size_t size = 12 * 1024 * 1024;
    std::string text = "{\"model\":\"" + std::string(size, 'A') + "\"}";

    Arena arena(std::pmr::new_delete_resource(), 64 * 1024);
    Document document;
    auto result = json::read(text, document_shape, document, arena);

    ASSERT_TRUE(result);
    EXPECT_EQ(document.model.raw.data(), text.data() + 10);
    EXPECT_EQ(document.model.raw.size(), size);
    EXPECT_EQ(arena.held(), 0u);
}

TEST(JsonReader, OutOfMemoryInAFieldLeavesAsBadAlloc)
{
    std::string text = "{\"messages\":[";

    for (int i = 0; i < 10000; ++i) {
        text += i == 0 ? "{}" : ",{}";
    }

    text += "]}";

    Arena arena(std::pmr::new_delete_resource(), 64 * 1024);
    Document document;
    EXPECT_THROW((void) json::read(text, document_shape, document, arena),
        std::bad_alloc);
}

struct Opener {
    int opened = 0;
    int closed = 0;
};

TEST(JsonReader, AFieldMaySkipWhatItOpened)
{
    json::Field field;
    field.name = "a";
    field.expected = "an object";
    field.open_object = [](json::Reader &, void *target) -> json::Frame {
        ++static_cast<Opener *>(target)->opened;
        return {};
    };
    const json::Field fields[] = {field};
    const json::Shape shape(fields, [](json::Reader &, void *target) {
        ++static_cast<Opener *>(target)->closed;
    });

    Arena arena(std::pmr::new_delete_resource());
    Opener opener;
    EXPECT_TRUE(json::read(R"({"a":{"a":{"a":[]}},"b":1,"a":{}})", shape,
        opener, arena));
    EXPECT_EQ(opener.opened, 2);
    EXPECT_EQ(opener.closed, 1);
}

TEST(JsonReader, AFieldMayGiveItsOwnParam)
{
    json::Field field;
    field.name = "a";
    field.takes_string = true;
    field.scalar = [](json::Reader &reader, void *, const json::Scalar &) {
        reader.fail_at("elsewhere", "first", "code");
        reader.fail("second");
    };
    const json::Field fields[] = {field};
    const json::Shape shape(fields);

    Arena arena(std::pmr::new_delete_resource());
    int nothing = 0;
    auto result = json::read(R"({"a":"x","a":5})", shape, nothing, arena);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().param, "elsewhere");
    EXPECT_EQ(result.error().message, "first");
    EXPECT_EQ(result.error().code, "code");
}

// A Raw member on each level proves that slices survive real documents.
struct Reply {
    json::Raw candidates;
    json::Raw usage;
};

constexpr json::Field reply_fields[] = {
    json::raw<&Reply::candidates>("candidates"),
    json::raw<&Reply::usage>("usageMetadata"),
};
constexpr json::Shape reply_shape{reply_fields};

TEST(JsonReader, ReadsEveryRecordedReply)
{
    const char *fixtures = std::getenv("GEMINI_FIXTURES");

    if (fixtures == nullptr
        || !std::filesystem::is_directory(
            std::filesystem::path(fixtures) / "unary"))
    {
        GTEST_SKIP() << "GEMINI_FIXTURES names no directory of recordings";
    }

    for (const auto &entry : std::filesystem::directory_iterator(
             std::filesystem::path(fixtures) / "unary"))
    {
        std::ifstream file(entry.path(), std::ios::binary);
        std::string text{std::istreambuf_iterator<char>(file), {}};
        Arena arena(std::pmr::new_delete_resource());
        Reply reply;
        auto result = json::read(text, reply_shape, reply, arena);

        ASSERT_TRUE(result) << entry.path() << result.error().message;

        if (reply.candidates.present()) {
            EXPECT_EQ(reply.candidates.text.front(), '[') << entry.path();
            EXPECT_EQ(reply.candidates.text.back(), ']') << entry.path();
        }

        if (reply.usage.present()) {
            EXPECT_EQ(reply.usage.text.front(), '{') << entry.path();
            EXPECT_EQ(reply.usage.text.back(), '}') << entry.path();
        }
    }
}

}
