#include "core/translate/annotations.hpp"

#include "core/base/text.hpp"
#include "core/json/reader.hpp"

#include <algorithm>
#include <string_view>

namespace gw::translate {

namespace {

// What one event may hold; upstream sends some dozens of each.
constexpr std::size_t max_sources = 4096;
constexpr std::size_t max_supports = 4096;
constexpr std::size_t max_indices = 64;         // of one support

/// Longer ones, which upstream does not send, are no source; a longer title
/// is none.
constexpr std::size_t max_text = 8192;

/// Larger offsets are as good as this one.
constexpr std::int64_t max_offset = std::int64_t{1} << 40;

struct Link {
    json::String uri;
    json::String title;
};

struct Source {
    Link web;
    bool cited = false;
};

struct Support {
    std::int64_t part = 0;
    std::int64_t begin = 0;
    std::int64_t end = 0;
    List<std::int64_t> sources;
};

struct Grounding {
    List<Source> sources;
    List<Support> supports;
};

struct Citation {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    Link link;
};

struct Citations {
    List<Citation> list;
};

std::int64_t offset_of(const json::Scalar &value)
{
    auto parsed = json::Number{value.string.raw}.integer();
    return parsed ? std::clamp<std::int64_t>(*parsed, 0, max_offset) : 0;
}

template <auto Member>
constexpr json::Field offset(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.takes_string = true;
    field.takes_number = true;
    field.scalar = [](json::Reader &, void *object,
                       const json::Scalar &value) {
        json::member<Member>(object) = offset_of(value);
    };
    return field;
}

/// An inner object whose members belong to the same struct.
template <const json::Shape &S>
constexpr json::Field nested(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.open_object = [](json::Reader &, void *object) -> json::Frame {
        return {&S, object};
    };
    return field;
}

/// List<V> of at most Limit; what comes after is skipped.
template <typename V, const json::Shape &S, std::size_t Limit>
constexpr json::Field bounded_element()
{
    json::Field field;
    field.open_object = [](json::Reader &reader, void *target) -> json::Frame {
        auto &list = *static_cast<List<V> *>(target);

        if (list.size() == Limit) {
            return {};
        }

        return {&S, &list.push(reader.arena())};
    };
    return field;
}

template <typename V, const json::Shape &S, std::size_t Limit>
inline constexpr json::Field bounded_element_field
    = bounded_element<V, S, Limit>();

template <typename V, const json::Shape &S, std::size_t Limit>
inline constexpr json::Shape bounded_shape
    = json::Shape::array_of(bounded_element_field<V, S, Limit>);

template <auto Member, typename V, const json::Shape &S, std::size_t Limit>
constexpr json::Field bounded_list(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.open_array = [](json::Reader &, void *object) -> json::Frame {
        auto &list = json::member<Member>(object);
        list.clear();
        return {&bounded_shape<V, S, Limit>, &list};
    };
    return field;
}

constexpr json::Field link_fields[] = {
    json::string<&Link::uri>("uri"),
    json::string<&Link::title>("title"),
};
constexpr json::Shape link_shape{link_fields};

constexpr json::Field source_fields[] = {
    json::object<&Source::web, link_shape>("web"),
};
constexpr json::Shape source_shape{source_fields};

constexpr json::Field segment_fields[] = {
    offset<&Support::part>("partIndex"),
    offset<&Support::begin>("startIndex"),
    offset<&Support::end>("endIndex"),
};
constexpr json::Shape segment_shape{segment_fields};

constexpr json::Field index_element()
{
    json::Field field;
    field.takes_number = true;
    field.scalar = [](json::Reader &reader, void *target,
                       const json::Scalar &value) {
        auto &list = *static_cast<List<std::int64_t> *>(target);

        if (list.size() < max_indices) {
            list.push(reader.arena(), offset_of(value));
        }
    };
    return field;
}

constexpr json::Field index_element_field = index_element();
constexpr json::Shape indices_shape
    = json::Shape::array_of(index_element_field);

constexpr json::Field indices(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.open_array = [](json::Reader &, void *object) -> json::Frame {
        auto &list = static_cast<Support *>(object)->sources;
        list.clear();
        return {&indices_shape, &list};
    };
    return field;
}

constexpr json::Field support_fields[] = {
    nested<segment_shape>("segment"),
    indices("groundingChunkIndices"),
};
constexpr json::Shape support_shape{support_fields};

constexpr json::Field grounding_fields[] = {
    bounded_list<&Grounding::sources, Source, source_shape, max_sources>(
        "groundingChunks"),
    bounded_list<&Grounding::supports, Support, support_shape,
        max_supports>("groundingSupports"),
};
constexpr json::Shape grounding_shape{grounding_fields};

constexpr json::Field citation_link_uri = [] {
    json::Field field;
    field.name = "uri";
    field.takes_string = true;
    field.scalar = [](json::Reader &, void *object,
                       const json::Scalar &value) {
        static_cast<Citation *>(object)->link.uri = value.string;
    };
    return field;
}();

constexpr json::Field citation_link_title = [] {
    json::Field field;
    field.name = "title";
    field.takes_string = true;
    field.scalar = [](json::Reader &, void *object,
                       const json::Scalar &value) {
        static_cast<Citation *>(object)->link.title = value.string;
    };
    return field;
}();

constexpr json::Field citation_fields[] = {
    offset<&Citation::begin>("startIndex"),
    offset<&Citation::end>("endIndex"),
    citation_link_uri,
    citation_link_title,
};
constexpr json::Shape citation_shape{citation_fields};

/// Vertex calls them otherwise.
constexpr json::Field citations_fields[] = {
    bounded_list<&Citations::list, Citation, citation_shape, max_sources>(
        "citationSources"),
    bounded_list<&Citations::list, Citation, citation_shape, max_sources>(
        "citations"),
};
constexpr json::Shape citations_shape{citations_fields};

struct EntryPoint {
    json::Raw rendered;
};

constexpr json::Field entry_point_fields[] = {
    json::raw<&EntryPoint::rendered>("renderedContent"),
};
constexpr json::Shape entry_point_shape{entry_point_fields};

constexpr json::Field rendered_fields[] = {
    nested<entry_point_shape>("searchEntryPoint"),
};
constexpr json::Shape rendered_shape{rendered_fields};

class Collector {
public:
    Collector(Cited &cited, Arena &arena) : cited_(cited), arena_(arena) {}

    void add(const Link &link, const std::optional<TextMap::Range> &range)
    {
        if (link.uri.empty() || link.uri.raw.size() > max_text) {
            return;
        }

        bool titled = !link.title.empty()
                      && link.title.raw.size() <= max_text;

        Annotation annotation{link.uri, titled ? link.title : link.uri,
            range.value_or(TextMap::Range{})};

        if (cited_.take(annotation)) {
            list_.push(arena_, annotation);
        }
    }

    const List<Annotation> &list() const { return list_; }

private:
    Cited &cited_;
    Arena &arena_;
    List<Annotation> list_;
};

void add_grounding(std::string_view text, const TextMap &map,
    Collector &collector, Arena &arena)
{
    Grounding grounding;

    if (!json::read(text, grounding_shape, grounding, arena,
            json::Strictness::lenient))
    {
        return;
    }

    std::size_t size = grounding.sources.size();
    auto **sources = static_cast<Source **>(arena.allocate(
        size * sizeof(Source *), alignof(Source *)));
    std::size_t filled = 0;

    for (Source &source : grounding.sources) {
        sources[filled++] = &source;
    }

    for (const Support &support : grounding.supports) {
        auto range = map.in_part(support.part, support.begin, support.end);

        for (std::int64_t index : support.sources) {
            if (static_cast<std::size_t>(index) < size) {
                sources[index]->cited = true;
                collector.add(sources[index]->web, range);
            }
        }
    }

    for (const Source &source : grounding.sources) {
        if (!source.cited) {
            collector.add(source.web, std::nullopt);
        }
    }
}

void add_citations(std::string_view text, const TextMap &map,
    Collector &collector, Arena &arena)
{
    Citations citations;

    if (!json::read(text, citations_shape, citations, arena,
            json::Strictness::lenient))
    {
        return;
    }

    for (const Citation &citation : citations.list) {
        collector.add(citation.link,
            map.in_text(citation.begin, citation.end));
    }
}

bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// An object that says something.
bool has_members(const json::Raw &object)
{
    return object.type == json::Type::object
           && object.text.find('"') != std::string_view::npos;
}

/// Cuts a member out of the object it stands in, given its value's place, so
/// that what is left is JSON still.
void cut_member(std::string_view text, std::string_view value,
    std::string_view (&pieces)[2])
{
    auto begin = static_cast<std::size_t>(value.data() - text.data());
    std::size_t end = begin + value.size();

    while (text[--begin] != ':') {
    }

    // The name has no quote in it, however it is escaped.
    begin = text.rfind('"', text.rfind('"', begin) - 1);

    while (is_space(text[end])) {
        ++end;
    }

    if (text[end] == ',') {
        ++end;

    } else {
        std::size_t before = begin;

        while (is_space(text[--before])) {
        }

        if (text[before] == ',') {
            begin = before;
        }
    }

    pieces[0] = text.substr(0, begin);
    pieces[1] = text.substr(end);
}

}

bool Cited::take(const Annotation &annotation)
{
    std::uint64_t hash = hash64(annotation.url.raw,
        static_cast<std::uint64_t>(annotation.range.begin) << 32
            ^ static_cast<std::uint64_t>(annotation.range.end));

    if (full()
        || std::find(known_.begin(), known_.end(), hash) != known_.end())
    {
        return false;
    }

    known_.push_back(hash);
    return true;
}

List<Annotation> annotations_of(const gemini::Candidate &candidate,
    const TextMap &map, Cited &cited, Arena &arena)
{
    Collector collector(cited, arena);

    if (!cited.full() && has_members(candidate.grounding_metadata)) {
        add_grounding(candidate.grounding_metadata.text, map, collector,
            arena);
    }

    if (!cited.full() && has_members(candidate.citation_metadata)) {
        add_citations(candidate.citation_metadata.text, map, collector,
            arena);
    }

    return collector.list();
}

void write_annotations(const List<Annotation> &annotations,
    json::Writer &writer)
{
    writer.begin_array();

    for (const Annotation &annotation : annotations) {
        openai::write_annotation(annotation.url, annotation.title,
            annotation.range.begin, annotation.range.end, writer);
    }

    writer.end_array();
}

openai::GoogleExtra extra_of(const gemini::Candidate &candidate,
    Arena &arena)
{
    openai::GoogleExtra extra;
    extra.continuation_token = candidate.continuation_token;

    if (has_members(candidate.url_context_metadata)) {
        extra.url_context_metadata = candidate.url_context_metadata.text;
    }

    if (has_members(candidate.grounding_metadata)) {
        std::string_view text = candidate.grounding_metadata.text;
        EntryPoint entry;

        auto read = json::read(text, rendered_shape, entry, arena,
            json::Strictness::lenient);

        if (read && entry.rendered.present()) {
            cut_member(text, entry.rendered.text, extra.grounding_metadata);
        } else {
            extra.grounding_metadata[0] = text;
        }
    }

    return extra;
}

}
