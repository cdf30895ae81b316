// A page's token is the project that is asked next and upstream's own token
// there: "gw1-PROJECT-TOKEN".
#include "core/front/native_list.hpp"

#include "core/base/text.hpp"
#include "core/front/native_error.hpp"
#include "core/gemini/path.hpp"
#include "core/gemini/resource_names.hpp"
#include "core/gemini/resource_route.hpp"
#include "core/json/writer.hpp"

#include <algorithm>
#include <charconv>

namespace gw::front {

namespace {

constexpr std::string_view token_prefix = "gw1-";
constexpr std::size_t id_digits = 16;

/// Where the client leaves it to us; every project may be asked for as many.
constexpr std::size_t usual_page = 50;

Error bad_argument(const char *name)
{
    Error error;
    error.kind = ErrorKind::bad_request;
    error.message = std::string("Invalid ") + name + ".";
    error.param = name;

    return error;
}

void append_hex(Output &out, std::uint64_t number)
{
    char digits[id_digits];
    auto end = std::to_chars(digits, digits + sizeof(digits), number, 16).ptr;
    auto size = static_cast<std::size_t>(end - digits);

    out.append(std::string_view("0000000000000000").substr(size));
    out.append({digits, size});
}

}

NativeList::NativeList(const gemini::NativeRoute &route,
    std::string_view query, std::vector<std::uint64_t> projects,
    Holdings &holdings, std::pmr::memory_resource *memory)
    : route_(route), query_(query), projects_(std::move(projects)),
      holdings_(holdings), memory_(memory)
{
}

Result<void> NativeList::read(std::string_view)
{
    std::string size = gemini::argument_of(query_, "pageSize");
    std::string token = gemini::argument_of(query_, "pageToken");

    if (!size.empty()) {
        auto [end, error] = std::from_chars(size.data(),
            size.data() + size.size(), page_size_);

        if (error != std::errc() || end != size.data() + size.size()
            || page_size_ > 1000 * 1000)
        {
            return bad_argument("pageSize");
        }
    }

    if (token.empty()) {
        return {};
    }

    std::string_view rest = token;
    std::uint64_t project = 0;

    if (!starts_with(rest, token_prefix)) {
        return bad_argument("pageToken");
    }

    rest.remove_prefix(token_prefix.size());

    if (rest.size() <= id_digits || rest[id_digits] != '-') {
        return bad_argument("pageToken");
    }

    auto [end, error] = std::from_chars(rest.data(), rest.data() + id_digits,
        project, 16);

    auto found = std::find(projects_.begin(), projects_.end(), project);

    if (error != std::errc() || end != rest.data() + id_digits
        || found == projects_.end())
    {
        return bad_argument("pageToken");
    }

    at_ = static_cast<std::size_t>(found - projects_.begin());
    page_token_ = rest.substr(id_digits + 1);

    return {};
}

std::uint64_t NativeList::project() const
{
    return at_ < projects_.size() ? projects_[at_] : 0;
}

void NativeList::write_path(std::string_view, const gemini::Place &,
    Output &out) const
{
    std::size_t size = page_size_ != 0 ? page_size_ : usual_page;

    gemini::write_resource_path(route_, out);
    out.append("?pageSize=");
    out.append_number(static_cast<std::int64_t>(
        std::max<std::size_t>(size - std::min(size, item_count_), 1)));

    if (!page_token_.empty()) {
        out.append("&pageToken=");
        gemini::append_encoded(out, page_token_);
    }
}

/// false: it is no page.
bool NativeList::take(std::string_view body)
{
    auto page = gemini::read_page(body, memory_);

    if (!page) {
        return false;
    }

    if (!page->collection.empty()) {
        collection_ = page->collection;
    }

    for (std::string_view item : page->items) {
        auto shown = gemini::names_in_answer(item, memory_);

        if (shown.empty() || !holdings_.shows(shown.front().name, project(),
                shown.front().expires_ms))
        {
            continue;
        }

        items_ += items_.empty() ? "" : ",";
        items_ += item;
        ++item_count_;
    }

    page_token_ = std::move(page->next_page_token);
    answered_ = true;

    if (page_token_.empty()) {
        ++at_;
    }

    return true;
}

Whole NativeList::whole(std::string_view body, bool, Output &out)
{
    ++calls_;

    if (!take(body)) {
        error_ = {};
        error_.kind = ErrorKind::upstream_failed;
        error_.message = "The upstream's answer cannot be read.";
        return Whole::failed;
    }

    return go_on(out);
}

Whole NativeList::skip_project(Output &out)
{
    ++calls_;
    ++at_;
    page_token_.clear();

    if (at_ >= projects_.size() && !answered_) {
        return Whole::failed;
    }

    return go_on(out);
}

Whole NativeList::go_on(Output &out)
{
    std::size_t size = page_size_ != 0 ? page_size_ : usual_page;
    std::size_t calls = item_count_ != 0 ? usual_calls : most_calls;

    if (at_ < projects_.size() && item_count_ < size && calls_ < calls) {
        return Whole::more;
    }

    write(out);
    return Whole::written;
}

void NativeList::write(Output &out) const
{
    json::Writer json(out);
    json.begin_object();

    if (item_count_ != 0) {
        json.key(collection_).begin_array().raw(items_).end_array();
    }

    if (at_ < projects_.size()) {
        StringOutput token;

        token.append(token_prefix);
        append_hex(token, projects_[at_]);
        token.append('-');
        token.append(page_token_);
        json.key("nextPageToken").string(token.view());
    }

    json.end_object();
    out.append('\n');
}

void NativeList::write_empty(Output &out)
{
    out.append("{}\n");
}

int NativeList::write_error(const Error &error,
    const gemini::UpstreamError *reason, std::string_view body,
    Output &out) const
{
    return write_native_error(error, reason, body, secret_, out);
}

}
