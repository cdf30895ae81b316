// Upstream's pages of models in, OpenAI's list out.
#include "core/openai/models.hpp"

#include "core/base/text.hpp"
#include "core/gemini/family.hpp"
#include "core/json/reader.hpp"

#include <memory_resource>
#include <utility>

namespace gw::openai {

namespace {

// Clients want a number there, and upstream has none: the day Gemini came.
constexpr std::int64_t created = 1702425600;

constexpr std::string_view owner = "google";

struct Entry {
    json::String name;
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
    bool live = false;              // speaks the Live API,
    bool other = false;             // and one that we can serve
};

struct Page {
    List<Entry> models;
    bool of_vertex = false;
    json::String next_page_token;
    bool has_models = false;
    bool has_error = false;
};

/// The methods besides the one that answers: a model for the Live API alone
/// has them too.
bool is_auxiliary(const json::String &method)
{
    return method.is("countTokens") || method.is("createCachedContent");
}

constexpr json::Field make_method()
{
    json::Field field;
    field.takes_string = true;
    field.scalar = [](json::Reader &, void *object,
                       const json::Scalar &value) {
        auto *entry = static_cast<Entry *>(object);

        if (value.string.is("bidiGenerateContent")) {
            entry->live = true;
        } else if (!is_auxiliary(value.string)) {
            entry->other = true;
        }
    };
    return field;
}

constexpr json::Field method_field = make_method();
constexpr json::Shape methods = json::Shape::array_of(method_field);

constexpr json::Field make_methods(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.open_array = [](json::Reader &, void *object) -> json::Frame {
        return {&methods, object};
    };
    return field;
}

/// A limit that is no positive integer is as if absent.
template <std::int64_t Entry::*Member>
constexpr json::Field limit(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.takes_number = true;
    field.scalar = [](json::Reader &, void *object,
                       const json::Scalar &value) {
        auto number = json::Number{value.string.raw}.integer();

        if (number && *number > 0) {
            static_cast<Entry *>(object)->*Member = *number;
        }
    };
    return field;
}

constexpr json::Field entry_fields[] = {
    json::string<&Entry::name>("name"),
    limit<&Entry::input_tokens>("inputTokenLimit"),
    limit<&Entry::output_tokens>("outputTokenLimit"),
    make_methods("supportedGenerationMethods")
};
constexpr json::Shape entry_shape{entry_fields};

constexpr json::Field make_entry()
{
    json::Field field;
    field.open_object = [](json::Reader &reader,
                            void *object) -> json::Frame {
        auto &models = static_cast<Page *>(object)->models;

        if (models.size() == ModelList::max_models) {
            reader.fail("too many models");
            return {};
        }

        return {&entry_shape, &models.push(reader.arena())};
    };
    return field;
}

constexpr json::Field entry_field = make_entry();
constexpr json::Shape entries = json::Shape::array_of(entry_field);

constexpr json::Field make_models(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.open_array = [](json::Reader &, void *object) -> json::Frame {
        static_cast<Page *>(object)->has_models = true;
        return {&entries, object};
    };
    return field;
}

constexpr json::Field make_publisher_models(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.open_array = [](json::Reader &, void *object) -> json::Frame {
        auto *page = static_cast<Page *>(object);
        page->has_models = true;
        page->of_vertex = true;
        return {&entries, object};
    };
    return field;
}

constexpr json::Field make_error(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.open_object = [](json::Reader &, void *object) -> json::Frame {
        static_cast<Page *>(object)->has_error = true;
        return {};
    };
    return field;
}

constexpr json::Field page_fields[] = {
    make_models("models"),
    make_publisher_models("publisherModels"),
    json::string<&Page::next_page_token>("nextPageToken"),
    make_error("error")
};
constexpr json::Shape page_shape{page_fields};

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

/// Vertex lists everything that Google has ever published there and does not
/// say what answers which call.
bool is_served_by_vertex(std::string_view id)
{
    bool live = contains(id, "-live") || contains(id, "native-audio");

    return (starts_with(id, "gemini-") && !live) || contains(id, "embedding");
}

Error not_a_list()
{
    Error error;
    error.kind = ErrorKind::upstream_failed;
    error.message = "The upstream's list of models cannot be used.";
    return error;
}

bool is_glob(std::string_view name)
{
    return name.find_first_of("*?") != std::string_view::npos;
}

}

Result<std::string> ModelList::add_page(std::string_view body)
{
    Arena arena(std::pmr::new_delete_resource());
    Page page;

    if (body.size() > max_bytes
        || !json::read(body, page_shape, page, arena,
            json::Strictness::lenient))
    {
        return not_a_list();
    }

    // An empty list is "{}": Google leaves out what is empty.
    if (page.has_error
        || (!page.has_models && body.find('"') != std::string_view::npos))
    {
        return not_a_list();
    }

    std::vector<Model> added;
    std::size_t bytes = 0;

    for (const Entry &entry : page.models) {
        Model model;
        model.id = gemini::bare_model(entry.name.decode(arena));

        if ((entry.live && !entry.other) || !gemini::valid_model(model.id)
            || (page.of_vertex && !is_served_by_vertex(model.id)))
        {
            continue;
        }

        model.input_tokens = entry.input_tokens;
        model.output_tokens = entry.output_tokens;
        bytes += model.id.size();
        added.push_back(std::move(model));
    }

    if (added.size() > max_models - models_.size()
        || bytes > max_bytes - bytes_)
    {
        return not_a_list();
    }

    for (Model &model : added) {
        add(std::move(model));
    }

    return std::string(page.next_page_token.decode(arena));
}

void ModelList::add_alias(std::string_view name, std::string_view target)
{
    if (is_glob(name) || models_.size() == max_models
        || name.size() > max_bytes - bytes_)
    {
        return;
    }

    Model alias;

    if (const Model *known = find(target)) {
        alias = *known;
    }

    alias.id = name;
    add(std::move(alias));
}

void ModelList::write(Output &out) const
{
    json::Writer writer(out);

    writer.begin_object();
    writer.key("object").string("list");
    writer.key("data").begin_array();

    for (const Model &model : models_) {
        write_model(model, writer);
    }

    writer.end_array().end_object();
}

bool ModelList::write_one(std::string_view id, Output &out) const
{
    const Model *model = find(id);

    if (model == nullptr) {
        return false;
    }

    json::Writer writer(out);
    write_model(*model, writer);
    return true;
}

void ModelList::write_model(const Model &model, json::Writer &writer)
{
    writer.begin_object();
    writer.key("id").string(model.id);
    writer.key("object").string("model");
    writer.key("created").number(created);
    writer.key("owned_by").string(owner);

    if (model.input_tokens > 0) {
        writer.key("context_window").number(model.input_tokens);
    }

    if (model.output_tokens > 0) {
        writer.key("max_output_tokens").number(model.output_tokens);
    }

    writer.end_object();
}

void ModelList::add(Model model)
{
    if (index_.emplace(model.id, models_.size()).second) {
        bytes_ += model.id.size();
        models_.push_back(std::move(model));
    }
}

const ModelList::Model *ModelList::find(std::string_view id) const
{
    auto found = index_.find(std::string(id));

    if (found == index_.end()) {
        found = index_.find(std::string(gemini::bare_model(id)));
    }

    return found == index_.end() ? nullptr : &models_[found->second];
}

}
