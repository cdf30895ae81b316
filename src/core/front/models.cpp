#include "core/front/models.hpp"

#include "core/base/text.hpp"
#include "core/gemini/path.hpp"

namespace gw::front {

namespace {

// Pages are kept one after the other, each closed by a byte that JSON text
// never holds.
constexpr char page_end = '\0';

}

Models::Models(std::string_view wanted, gemini::Api api,
    const Alias *aliases, std::size_t alias_count)
    : wanted_(wanted), api_(api), aliases_(aliases),
      alias_count_(alias_count)
{
}

void Models::write_path(std::string_view,
    const gemini::Place &, Output &out) const
{
    gemini::write_models_path(api_, next_page_, out);
}

bool Models::write(openai::ModelList &list, Output &out)
{
    for (std::size_t i = 0; i < alias_count_; ++i) {
        list.add_alias(aliases_[i].name, aliases_[i].target);
    }

    if (wanted_.empty()) {
        list.write(out);
        return true;
    }

    if (list.write_one(wanted_, out)) {
        return true;
    }

    error_ = {};
    error_.kind = ErrorKind::model_not_found;
    error_.message = "The model '" + scrub(wanted_, {}, 200)
                     + "' does not exist";
    error_.param = "model";

    return false;
}

Whole Models::whole(std::string_view body, bool, Output &out)
{
    auto page = list_.add_page(body);

    if (!page) {
        error_ = page.error();
        return Whole::failed;
    }

    kept_.append(body);
    kept_.push_back(page_end);
    next_page_ = std::move(page.value());

    if (!next_page_.empty() && ++pages_ < max_pages) {
        return Whole::more;
    }

    complete_ = true;

    return write(list_, out) ? Whole::written : Whole::failed;
}

bool Models::answer_from(std::string_view kept, Output &out)
{
    openai::ModelList list;

    while (!kept.empty()) {
        std::size_t end = kept.find(page_end);

        if (end == std::string_view::npos || !list.add_page(
                kept.substr(0, end)))
        {
            error_ = {};
            error_.message = "the kept list of models cannot be read";
            return false;
        }

        kept.remove_prefix(end + 1);
    }

    return write(list, out);
}

}
