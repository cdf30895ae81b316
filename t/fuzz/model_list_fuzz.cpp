// Pages of upstream's model list, cut at line ends: whatever they hold, the
// list is JSON, has each id once, and finds what it lists.
#include "core/gemini/family.hpp"
#include "core/json/reader.hpp"
#include "core/openai/models.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <set>
#include <string>

namespace {

using namespace gw;

void require(bool held)
{
    if (!held) {
        __builtin_trap();
    }
}

struct Model {
    json::String id;
};

struct Written {
    json::String object;
    List<Model> data;
};

constexpr json::Field model_fields[] = {json::string<&Model::id>("id")};
constexpr json::Shape model_shape{model_fields};
constexpr json::Field written_fields[] = {
    json::string<&Written::object>("object"),
    json::list<&Written::data, Model, model_shape>("data")
};
constexpr json::Shape written_shape{written_fields};

void check(const openai::ModelList &list)
{
    StringOutput out;
    list.write(out);
    std::string text = out.take();

    Arena arena(std::pmr::new_delete_resource());
    Written written;
    require(static_cast<bool>(json::read(text, written_shape, written,
        arena)));
    require(written.object.is("list"));
    require(written.data.size() == list.size());

    std::set<std::string> seen;

    for (const Model &model : written.data) {
        std::string id(model.id.decode(arena));

        require(gemini::valid_model(id));
        require(seen.insert(id).second);
        require(list.write_one(id, out));
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view rest(reinterpret_cast<const char *>(data), size);
    openai::ModelList list;

    while (!rest.empty()) {
        std::size_t end = rest.find('\n');
        std::size_t before = list.size();
        auto page = list.add_page(rest.substr(0, end));

        require(page ? list.size() >= before : list.size() == before);

        if (end == std::string_view::npos) {
            break;
        }

        rest.remove_prefix(end + 1);
    }

    check(list);

    return 0;
}
