// A request and upstream's answers, each closed by a byte 0, given in any cut:
// whatever parses asks for at most a hundred inputs at a time, in order and
// none twice; what is answered is JSON with a vector for each input, each of
// as many values as asked for.
#include "core/base/base64.hpp"
#include "core/front/embeddings.hpp"
#include "core/json/reader.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <vector>

namespace {

using namespace gw;

constexpr std::string_view models[] = {
    "gemini-embedding-001", "gemini-embedding-2", "tunedModels/x"
};

void require(bool condition)
{
    if (!condition) {
        __builtin_trap();
    }
}

struct Text {
    json::String text;
};

struct Content {
    List<Text> parts;
};

struct Entry {
    json::String model;
    Content content;
};

struct Batch {
    List<Entry> requests;
};

constexpr json::Field text_fields[] = {json::string<&Text::text>("text")};
constexpr json::Shape text_shape{text_fields};
constexpr json::Field content_fields[] = {
    json::list<&Content::parts, Text, text_shape>("parts")
};
constexpr json::Shape content_shape{content_fields};
constexpr json::Field entry_fields[] = {
    json::string<&Entry::model>("model"),
    json::object<&Entry::content, content_shape>("content")
};
constexpr json::Shape entry_shape{entry_fields};
constexpr json::Field batch_fields[] = {
    json::list<&Batch::requests, Entry, entry_shape>("requests")
};
constexpr json::Shape batch_shape{batch_fields};

struct Datum {
    std::optional<std::int64_t> index;
    json::Raw embedding;
};

struct Answer {
    List<Datum> data;
    json::Raw usage;
};

constexpr json::Field datum_fields[] = {
    json::integer<&Datum::index>("index"),
    json::raw<&Datum::embedding>("embedding")
};
constexpr json::Shape datum_shape{datum_fields};
constexpr json::Field answer_fields[] = {
    json::list<&Answer::data, Datum, datum_shape>("data"),
    json::raw<&Answer::usage>("usage")
};
constexpr json::Shape answer_shape{answer_fields};

constexpr std::size_t most_texts = 100;

/// How many inputs the body asks for.
std::size_t check_body(std::string_view body, std::string_view model)
{
    Arena arena(std::pmr::new_delete_resource());
    Batch batch;
    require(static_cast<bool>(json::read(body, batch_shape, batch, arena)));
    require(!batch.requests.empty()
            && batch.requests.size() <= most_texts);

    for (const Entry &entry : batch.requests) {
        std::string_view name = entry.model.decode(arena);
        require(name.size() >= model.size()
                && name.substr(name.size() - model.size()) == model);
        require(entry.content.parts.size() == 1);
        require(!entry.content.parts.front().text.empty());
    }

    return batch.requests.size();
}

void check_vector(const json::Raw &value, std::int64_t dimensions)
{
    std::size_t size = 0;

    if (value.type == json::Type::string) {
        std::string_view inside = value.text.substr(1,
            value.text.size() - 2);
        auto bytes = base64::decode(inside);
        require(bytes && !bytes->empty() && bytes->size() % 4 == 0);
        size = bytes->size() / 4;

    } else {
        require(value.type == json::Type::array);
        size = 1;

        for (char c : value.text) {
            require(c != '"' && c != '{' && c != 'n');
            size += c == ',' ? 1 : 0;
        }
    }

    require(dimensions == 0
            || size == static_cast<std::size_t>(dimensions));
}

void check_answer(std::string_view text, std::size_t asked,
    std::int64_t dimensions)
{
    Arena arena(std::pmr::new_delete_resource());
    Answer answer;
    require(static_cast<bool>(json::read(text, answer_shape, answer,
        arena)));
    require(answer.usage.present());
    require(answer.data.size() == asked);

    std::int64_t index = 0;

    for (const Datum &datum : answer.data) {
        require(datum.index == index++);
        check_vector(datum.embedding, dimensions);
    }
}

std::string_view take(std::string_view &rest)
{
    std::size_t end = rest.find('\0');
    std::string_view text = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size()
                                                     : end + 1);
    return text;
}

std::int64_t dimensions_of(std::string_view body)
{
    Arena arena(std::pmr::new_delete_resource());
    openai::EmbeddingsRequest request;
    require(static_cast<bool>(openai::parse(body, arena, request)));

    return request.dimensions.value_or(
        openai::dimensions_of(request.model.decode(arena)).value_or(0));
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
    std::size_t size)
{
    if (size == 0) {
        return 0;
    }

    std::string_view model =
        models[data[0] % (sizeof(models) / sizeof(models[0]))];
    std::string_view rest(reinterpret_cast<const char *>(data) + 1,
        size - 1);

    front::Embeddings front(std::pmr::new_delete_resource());
    std::string_view request = take(rest);

    if (!front.read(request)) {
        return 0;
    }

    std::int64_t dimensions = dimensions_of(request);
    std::string said;
    std::size_t asked = 0;
    std::size_t part = 0;
    bool fresh = true;

    while (!rest.empty() || fresh) {
        if (fresh) {
            StringOutput body;
            require(static_cast<bool>(front.write_body(model,
                gw::gemini::Api::gemini, body)));
            require(front.estimated_tokens() > 0);
            part = check_body(body.view(), model);
            fresh = false;
            continue;
        }

        StringOutput out;
        front.start_over();

        switch (front.whole(take(rest), false, out)) {

        case front::Whole::written:
            said += out.take();
            check_answer(said, asked + part, dimensions);
            return 0;

        case front::Whole::more:
            require(part == most_texts);
            said += out.take();
            asked += part;
            fresh = true;
            break;

        case front::Whole::empty:
            require(false);
            break;

        case front::Whole::failed:
            require(!front.error().message.empty());

            if (front.upstream_error() != nullptr) {
                Error shown = front.error();
                front.explain(*front.upstream_error(), shown);
                require(!shown.message.empty());
            }
            break;
        }
    }

    return 0;
}
