// Any bytes as a document. What the reader takes must be slices of the text,
// valid by its own rules when read again or written out; lenient takes all
// that strict takes and sees the same.
#include "core/base/text.hpp"
#include "core/json/reader.hpp"
#include "core/json/writer.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>

namespace {

using namespace gw;

struct Node {
    json::String text;
    std::optional<json::Number> number;
    std::optional<bool> flag;
    json::Raw raw;
    List<Node> nodes;
    List<json::String> words;
};

extern const json::Shape node_shape;

const json::Field node_fields[] = {
    json::string<&Node::text>("t"),
    json::number<&Node::number>("n"),
    json::boolean<&Node::flag>("f"),
    json::raw<&Node::raw>("r"),
    json::list<&Node::nodes, Node, node_shape>("c"),
    json::strings<&Node::words>("w"),
};
const json::Shape node_shape{node_fields};

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

void require_inside(std::string_view slice, std::string_view text)
{
    require(slice.empty()
            || (slice.data() >= text.data()
                && slice.data() + slice.size()
                   <= text.data() + text.size()));
}

struct Holder {
    json::Raw value;
    json::String string;
};

constexpr json::Field raw_holder_fields[] = {json::raw<&Holder::value>("v")};
constexpr json::Shape raw_holder{raw_holder_fields};
constexpr json::Field string_holder_fields[] = {
    json::string<&Holder::string>("v"),
};
constexpr json::Shape string_holder{string_holder_fields};

void check(const json::String &string, std::string_view text, Arena &arena)
{
    require_inside(string.raw, text);
    require(string.escaped
            == (string.raw.find('\\') != std::string_view::npos));

    std::string_view decoded = string.decode(arena);
    require(valid_utf8(decoded));

    // Copied or escaped anew, it says the same.
    StringOutput copy;
    json::Writer(copy).begin_object().key("v").text(string).end_object();
    StringOutput again;
    json::Writer(again).begin_object().key("v").string(decoded).end_object();

    for (std::string_view document : {copy.view(), again.view()}) {
        Holder holder;
        require(bool(json::read(document, string_holder, holder, arena)));
        require(holder.string.decode(arena) == decoded);
    }
}

void check(const Node &node, std::string_view text, Arena &arena)
{
    check(node.text, text, arena);

    if (node.number) {
        require_inside(node.number->text, text);
        auto integer = node.number->integer();
        require(!integer || node.number->is_integer());
        // Of a size that double can tell apart.
        require(!integer || *integer > 1000000 || *integer < -1000000
                || node.number->real() == static_cast<double>(*integer));
    }

    if (node.raw.present()) {
        require_inside(node.raw.text, text);

        StringOutput out;
        json::Writer(out).begin_object().key("v").raw(node.raw.text)
            .end_object();
        Holder holder;
        require(bool(json::read(out.view(), raw_holder, holder, arena)));
        require(holder.value.text == node.raw.text);
        require(holder.value.type == node.raw.type);
    }

    for (const json::String &word : node.words) {
        check(word, text, arena);
    }

    for (const Node &each : node.nodes) {
        check(each, text, arena);
    }
}

bool same(const Node &a, const Node &b)
{
    if (a.text.raw != b.text.raw || a.number.has_value()
        != b.number.has_value() || a.flag != b.flag
        || a.raw.text.data() != b.raw.text.data()
        || a.words.size() != b.words.size()
        || a.nodes.size() != b.nodes.size())
    {
        return false;
    }

    auto other = b.nodes.begin();

    for (const Node &each : a.nodes) {
        if (!same(each, *other)) {
            return false;
        }

        ++other;
    }

    return true;
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(bytes), size);
    Arena arena(std::pmr::new_delete_resource());
    Node strict;
    Node lenient;

    auto taken = json::read(text, node_shape, strict, arena);
    auto lenient_taken = json::read(text, node_shape, lenient, arena,
        json::Strictness::lenient);

    if (taken) {
        require(bool(lenient_taken));
        require(same(strict, lenient));

    } else {
        require(taken.error().kind == ErrorKind::bad_request);
        require(!taken.error().message.empty());
    }

    if (lenient_taken) {
        require(valid_utf8(text));
        check(lenient, text, arena);
    }

    return 0;
}
