#include "core/gemini/resource_names.hpp"

#include "core/base/text.hpp"
#include "core/base/timestamp.hpp"
#include "core/json/elements.hpp"
#include "core/json/reader.hpp"

#include <algorithm>

namespace gw::gemini {

namespace {

using json::Field;
using json::Frame;
using json::Reader;
using json::Scalar;
using json::Shape;

/// Around the values, which stay slices.
constexpr std::size_t max_scratch = 64 * 1024 * 1024;

constexpr std::string_view files = "files/";
constexpr std::string_view caches = "cachedContents/";
constexpr std::string_view uploads = "upload/";

bool is_id(std::string_view text)
{
    auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
               || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    };

    return !text.empty() && text.size() <= max_name && text != "."
           && text != ".." && std::all_of(text.begin(), text.end(), fits);
}

/// The field may be either: proto JSON takes both.
struct Names {
    std::vector<std::string> list;
    std::string model;
    std::string_view model_text;

    void add(std::string_view name)
    {
        if (!name.empty() && list.size() < max_names
            && std::find(list.begin(), list.end(), name) == list.end())
        {
            list.emplace_back(name);
        }
    }
};

/// A string of a body that may hold a name; no name is longer than a URI.
std::string_view short_text(Reader &reader, const Scalar &value)
{
    constexpr std::size_t longest = 4096;

    return value.string.raw.size() <= longest
        ? trim(value.string.decode(reader.arena())) : std::string_view();
}

constexpr Field text_field(std::string_view name,
    void (*take)(Reader &, void *, const Scalar &))
{
    Field field;
    field.name = name;
    field.expected = "a string";
    field.takes_string = true;
    field.scalar = take;

    return field;
}

constexpr Field file(std::string_view name)
{
    return text_field(name, [](Reader &reader, void *names,
        const Scalar &value) {
            static_cast<Names *>(names)->add(
                file_name_in(short_text(reader, value)));
        });
}

constexpr Field cache(std::string_view name)
{
    return text_field(name, [](Reader &reader, void *names,
        const Scalar &value) {
            static_cast<Names *>(names)->add(
                cache_name_in(short_text(reader, value)));
        });
}

/// An object, or a list of such objects; all names go to the same place.
template <const Shape &S>
inline constexpr Field each_within = [] {
    Field field;
    field.expected = "an object";
    field.open_object = [](Reader &, void *names) -> Frame {
        return {&S, names};
    };
    return field;
}();

template <const Shape &S>
inline constexpr Shape all_within = Shape::array_of(each_within<S>);

template <const Shape &S>
constexpr Field within(std::string_view name)
{
    Field field = each_within<S>;
    field.name = name;
    field.open_array = [](Reader &, void *names) -> Frame {
        return {&all_within<S>, names};
    };

    return field;
}

constexpr Field file_data_fields[] = { file("fileUri"), file("file_uri") };
constexpr Shape file_data_shape{file_data_fields};

constexpr Field media_part_fields[] = {
    within<file_data_shape>("fileData"),
    within<file_data_shape>("file_data")
};
constexpr Shape media_part_shape{media_part_fields};

constexpr Field function_response_fields[] = {
    within<media_part_shape>("parts")
};
constexpr Shape function_response_shape{function_response_fields};

constexpr Field part_fields[] = {
    within<function_response_shape>("functionResponse"),
    within<function_response_shape>("function_response")
};
constexpr Shape part_shape{part_fields, media_part_shape};

constexpr Field content_fields[] = { within<part_shape>("parts") };
constexpr Shape content_shape{content_fields};

constexpr Field generate_fields[] = {
    within<content_shape>("contents"),
    within<content_shape>("content"),
    within<content_shape>("systemInstruction"),
    within<content_shape>("system_instruction"),
    cache("cachedContent"),
    cache("cached_content")
};
constexpr Shape generate_shape{generate_fields};

// Of a batch, inline.
constexpr Field one_request_fields[] = { within<generate_shape>("request") };
constexpr Shape one_request_shape{one_request_fields};

constexpr Field inline_requests_fields[] = {
    within<one_request_shape>("requests")
};
constexpr Shape inline_requests_shape{inline_requests_fields};

constexpr Field input_config_fields[] = {
    file("fileName"),
    file("file_name"),
    within<inline_requests_shape>("requests")
};
constexpr Shape input_config_shape{input_config_fields};

constexpr Field batch_fields[] = {
    within<input_config_shape>("inputConfig"),
    within<input_config_shape>("input_config")
};
constexpr Shape batch_shape{batch_fields};

// A file's metadata: it may bring the name it is to have.
constexpr Field metadata_fields[] = { file("name") };
constexpr Shape metadata_shape{metadata_fields};

// Of a prediction: images and videos that are files.
constexpr Field medium_fields[] = { file("uri"), file("fileUri") };
constexpr Shape medium_shape{medium_fields};

constexpr Field reference_fields[] = { within<medium_shape>("image") };
constexpr Shape reference_shape{reference_fields};

constexpr Field instance_fields[] = {
    within<medium_shape>("image"),
    within<medium_shape>("video"),
    within<medium_shape>("lastFrame"),
    within<reference_shape>("referenceImages")
};
constexpr Shape instance_shape{instance_fields};

constexpr Field request_fields[] = {
    within<generate_shape>("generateContentRequest"),
    within<generate_shape>("generate_content_request"),
    within<generate_shape>("requests"),
    within<batch_shape>("batch"),
    within<metadata_shape>("file"),
    within<instance_shape>("instances"),
    text_field("model", [](Reader &reader, void *names, const Scalar &value) {
        static_cast<Names *>(names)->model = short_text(reader, value);
        static_cast<Names *>(names)->model_text = value.string.raw;
    })
};
constexpr Shape request_shape{request_fields, generate_shape};

bool has_a_word(std::string_view body)
{
    for (std::string_view word : { std::string_view("\"cachedContent\""),
             std::string_view("\"cached_content\""),
             std::string_view("\"fileUri\""),
             std::string_view("\"file_uri\"") })
    {
        if (body.find(word) != std::string_view::npos) {
            return true;
        }
    }

    return false;
}

// Answers.

struct Item {
    json::String name;
    json::String expires;
    List<json::String> files;           // URIs and names
};

constexpr Field made_file(std::string_view name)
{
    return text_field(name, [](Reader &reader, void *item,
        const Scalar &value) {
            static_cast<Item *>(item)->files.push(reader.arena(),
                value.string);
        });
}

constexpr Field video_fields[] = { made_file("uri") };
constexpr Shape video_shape{video_fields};

constexpr Field sample_fields[] = { within<video_shape>("video") };
constexpr Shape sample_shape{sample_fields};

constexpr Field video_response_fields[] = {
    within<sample_shape>("generatedSamples")
};
constexpr Shape video_response_shape{video_response_fields};

constexpr Field response_fields[] = {
    made_file("responsesFile"),
    within<video_response_shape>("generateVideoResponse")
};
constexpr Shape response_shape{response_fields};

constexpr Field metadata_of_batch_fields[] = {
    within<response_shape>("output")
};
constexpr Shape metadata_of_batch_shape{metadata_of_batch_fields};

constexpr Field item_fields[] = {
    json::string<&Item::name>("name"),
    json::string<&Item::expires>("expireTime"),
    json::string<&Item::expires>("expirationTime"),
    within<metadata_of_batch_shape>("metadata"),
    within<response_shape>("response")
};
constexpr Shape item_shape{item_fields};

struct Answer {
    Item item;                          // first: its fields stand beside
    std::optional<Item> file;
};

constexpr Field answer_fields[] = {
    json::object<&Answer::file, item_shape>("file")
};
constexpr Shape answer_shape{answer_fields, item_shape};

void show(const Item &item, Arena &arena, std::vector<Shown> &shown)
{
    std::string_view name = item.name.decode(arena);

    if (name.empty() || name.size() > max_name) {
        return;
    }

    shown.push_back({std::string(name),
        parse_timestamp(item.expires.raw).value_or(0)});

    for (const json::String &uri : item.files) {
        std::string_view made = file_name_in(uri.decode(arena));

        if (!made.empty() && shown.size() < max_names) {
            shown.push_back({std::string(made), 0});
        }
    }
}

struct PageFields {
    json::Raw list;
    std::string_view collection;
    json::String next;
};

template <const std::string_view &Name>
constexpr Field collection()
{
    Field field;
    field.name = Name;
    field.raw = [](Reader &, void *page, const json::Raw &value) {
        if (value.type == json::Type::array) {
            static_cast<PageFields *>(page)->list = value;
            static_cast<PageFields *>(page)->collection = Name;
        }
    };

    return field;
}

constexpr std::string_view of_files = "files";
constexpr std::string_view of_caches = "cachedContents";
constexpr std::string_view of_operations = "operations";
constexpr std::string_view of_batches = "batches";

constexpr Field page_fields[] = {
    collection<of_files>(),
    collection<of_caches>(),
    collection<of_operations>(),
    collection<of_batches>(),
    json::string<&PageFields::next>("nextPageToken")
};
constexpr Shape page_shape{page_fields};

}

std::string_view file_name_in(std::string_view uri)
{
    constexpr std::string_view versions[] = {
        "/v1beta/", "/v1/", "/v1alpha/"
    };
    constexpr std::string_view download = ":download";

    std::string_view name = uri.substr(0, uri.find_first_of("?#"));

    if (!starts_with(name, files)) {
        std::size_t at = std::string_view::npos;

        for (std::string_view version : versions) {
            std::size_t found = name.rfind(version);

            if (found != std::string_view::npos
                && starts_with(name.substr(found + version.size()), files))
            {
                at = found + version.size();
            }
        }

        if (at == std::string_view::npos || !starts_with(uri, "http")) {
            return {};
        }

        name.remove_prefix(at);
    }

    if (ends_with(name, download)) {
        name.remove_suffix(download.size());
    }

    return is_id(name.substr(files.size())) ? name : std::string_view();
}

std::string_view cache_name_in(std::string_view text)
{
    return starts_with(text, caches) && is_id(text.substr(caches.size()))
        ? text : std::string_view();
}

RequestNames names_in_request(std::string_view body, Look look,
    std::pmr::memory_resource *memory)
{
    Names names;

    if (look == Look::always || has_a_word(body)) {
        Arena arena(memory, max_scratch);
        auto read = json::read(body, request_shape, names, arena,
            json::Strictness::lenient);

        if (!read) {
            return {};
        }
    }

    return {std::move(names.list), std::move(names.model), names.model_text};
}

bool is_about_resource(const UpstreamError &error)
{
    if (!error.json) {
        return false;
    }

    if (error.code == 404) {
        // A model is nobody's.
        return (error.status == "NOT_FOUND" || error.status.empty())
            && (!starts_with(error.message, "models/")
                || error.message.find("/operations/") != std::string::npos);
    }

    // Of what it does not have a project's key hears the same as of what it
    // may not see; a refused key brings a reason.
    return error.code == 403 && error.reason.empty()
        && (starts_with(error.message, "You do not have permission to access")
            || starts_with(error.message, "CachedContent not found")
            || starts_with(error.message,
                   "The caller does not have permission"));
}

std::int64_t usual_life_ms(std::string_view name)
{
    constexpr std::int64_t hour = 3600 * 1000;
    constexpr std::int64_t of_files = 48 * hour;
    constexpr std::int64_t of_batches = 30 * 24 * hour;

    return starts_with(name, caches) || starts_with(name, uploads) ? hour
        : starts_with(name, "batches/") ? of_batches : of_files;
}

std::vector<Shown> names_in_answer(std::string_view body,
    std::pmr::memory_resource *memory)
{
    std::vector<Shown> shown;
    Arena arena(memory, max_scratch);
    Answer answer;

    if (json::read(body, answer_shape, answer, arena,
            json::Strictness::lenient))
    {
        show(answer.item, arena, shown);

        if (answer.file) {
            show(*answer.file, arena, shown);
        }
    }

    return shown;
}

std::optional<Page> read_page(std::string_view body,
    std::pmr::memory_resource *memory)
{
    Arena arena(memory, max_scratch);
    PageFields fields;

    if (!json::read(body, page_shape, fields, arena,
            json::Strictness::lenient))
    {
        return std::nullopt;
    }

    Page page;
    page.collection = fields.collection;
    page.next_page_token = fields.next.decode(arena);

    json::Elements elements(body.size());
    std::string_view rest = fields.list.text;
    std::string_view item;

    while (elements.next(rest, item) == json::Elements::Step::object) {
        page.items.push_back(item);
    }

    return page;
}

}
