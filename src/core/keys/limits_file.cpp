// A file of limits. Its names are models, so no table of names can describe
// it, and a name that stands twice is a slip of the operator's that is to be
// told: yajl's events as they come.
#include "core/keys/quota.hpp"

#include "core/base/arena.hpp"
#include "core/base/text.hpp"
#include "core/json/reader.hpp"
#include "core/json/value.hpp"
#include "core/json/yajl_memory.hpp"

#include <yajl/yajl_parse.h>

#include <memory_resource>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace gw::keys {

namespace {

struct Row {
    std::string_view name;
    std::int64_t Limits::*limit;
};

// Only input tokens are limited, and some files say so.
constexpr Row rows[] = {
    {"rpm", &Limits::rpm},
    {"rpd", &Limits::rpd},
    {"tpm", &Limits::tpm},
    {"tpd", &Limits::tpd},
    {"tpm_input", &Limits::tpm},
    {"tpd_input", &Limits::tpd}
};

/// As many as a learned limit may have.
constexpr std::int64_t most_limit = (std::int64_t{1} << 36) - 1;

/// In the file that is read: 1, the models; 2, the limits of one.
constexpr int models_depth = 1;
constexpr int limits_depth = 2;

class LimitsFile {
public:
    Result<void> read(std::string_view text);
    void add_to(QuotaRules &rules) const;

private:
    struct Events;

    /// What stands under the name at hand. digits: of a number.
    int value(json::Type type, std::string_view digits = {});
    int open(json::Type type);
    int close();
    int name(std::string_view name);

    int fail(std::string_view what);

    std::vector<std::pair<std::string, Limits>> read_;
    std::unordered_set<std::string> models_;
    std::vector<std::int64_t Limits::*> given_;     // of the model at hand
    std::string model_;
    const Row *row_ = nullptr;      // of the member at hand; null: ignored
    int depth_ = 0;
    std::optional<Error> error_;
};

constexpr json::Shape any_object;
constexpr int go_on = 1;
constexpr int stop = 0;

int LimitsFile::fail(std::string_view what)
{
    Error error;
    error.kind = ErrorKind::bad_request;
    error.message = "\"" + scrub(model_, {}, ModelName::max_length) + "\"";

    if (row_ != nullptr) {
        error.message += ": \"" + std::string(row_->name) + "\"";
    }

    error.message += " ";
    error.message += what;
    error_ = std::move(error);

    return stop;
}

int LimitsFile::value(json::Type type, std::string_view digits)
{
    if (depth_ == models_depth) {
        return fail("is not an object of limits");
    }

    if (depth_ != limits_depth || row_ == nullptr) {
        return go_on;
    }

    for (auto limit : given_) {
        if (limit == row_->limit) {
            return fail("is given twice");
        }
    }

    given_.push_back(row_->limit);

    if (type == json::Type::null) {
        return go_on;
    }

    auto number = type == json::Type::number
        ? json::Number{digits}.integer() : std::nullopt;

    if (!number || *number < 1) {
        return fail("is not a whole number above 0, nor null");
    }

    if (*number > most_limit) {
        return fail("is too large");
    }

    read_.back().second.*row_->limit = *number;
    return go_on;
}

int LimitsFile::open(json::Type type)
{
    if (depth_ == models_depth && type == json::Type::object) {
        read_.emplace_back(model_, Limits{});
        given_.clear();

    } else if (depth_ != 0 && value(type) == stop) {
        return stop;
    }

    ++depth_;
    return go_on;
}

int LimitsFile::close()
{
    --depth_;
    row_ = nullptr;

    return go_on;
}

int LimitsFile::name(std::string_view name)
{
    if (depth_ == models_depth) {
        model_ = name;

        if (name.empty() || name.size() > ModelName::max_length) {
            return fail("cannot be the name of a model");
        }

        if (!models_.insert(model_).second) {
            return fail("is given twice");
        }

    } else if (depth_ == limits_depth) {
        row_ = nullptr;

        for (const Row &row : rows) {
            if (row.name == name) {
                row_ = &row;
            }
        }
    }

    return go_on;
}

struct LimitsFile::Events {
    static LimitsFile &file(void *context)
    {
        return *static_cast<LimitsFile *>(context);
    }

    static int on_null(void *context)
    {
        return file(context).value(json::Type::null);
    }

    static int on_boolean(void *context, int)
    {
        return file(context).value(json::Type::boolean);
    }

    static int on_number(void *context, const char *text, std::size_t size)
    {
        return file(context).value(json::Type::number, {text, size});
    }

    static int on_string(void *context, const unsigned char *, std::size_t)
    {
        return file(context).value(json::Type::string);
    }

    static int on_object(void *context)
    {
        return file(context).open(json::Type::object);
    }

    static int on_array(void *context)
    {
        return file(context).open(json::Type::array);
    }

    static int on_end(void *context) { return file(context).close(); }

    static int on_name(void *context, const unsigned char *text,
        std::size_t size)
    {
        return file(context).name(
            {reinterpret_cast<const char *>(text), size});
    }

    static constexpr yajl_callbacks table = {
        on_null, on_boolean, nullptr, nullptr, on_number, on_string,
        on_object, on_name, on_end, on_array, on_end
    };
};

Result<void> LimitsFile::read(std::string_view text)
{
    // First as JSON at all, with the reader's bounds and words.
    Arena arena(std::pmr::new_delete_resource());
    char nothing = 0;
    json::Reader reader(arena, json::Strictness::lenient);
    auto read = reader.read(text, any_object, &nothing);

    if (!read) {
        return read;
    }

    json::YajlMemory memory;
    yajl_alloc_funcs functions = memory.functions();
    yajl_handle handle = yajl_alloc(&Events::table, &functions, this);

    yajl_config(handle, yajl_dont_validate_strings, 1);

    if (yajl_parse(handle,
            reinterpret_cast<const unsigned char *>(text.data()), text.size())
            != yajl_status_ok && !error_)
    {
        fail("is followed by what cannot be read");
    }

    return error_ ? Result<void>(*error_) : Result<void>();
}

void LimitsFile::add_to(QuotaRules &rules) const
{
    for (const auto &[model, limits] : read_) {
        rules.add(model, limits);
    }
}

}

Result<void> read_limits(std::string_view text, QuotaRules &rules)
{
    LimitsFile file;
    auto read = file.read(text);

    if (read) {
        file.add_to(rules);
    }

    return read;
}

}
