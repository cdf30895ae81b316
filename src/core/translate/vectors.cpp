#include "core/translate/vectors.hpp"

#include "core/base/base64.hpp"
#include "core/json/value.hpp"

#include <algorithm>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace gw::translate {

namespace {

bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// The numbers of an array that is known to be JSON, one after the other.
class Numbers {
public:
    explicit Numbers(std::string_view array) : rest_(array.substr(1)) {}

    /// Empty: what stands there is no number.
    std::string_view next()
    {
        std::size_t begin = 0;

        while (begin < rest_.size()
               && (is_space(rest_[begin]) || rest_[begin] == ','))
        {
            ++begin;
        }

        std::size_t end = begin;

        while (end < rest_.size() && is_of_number(rest_[end])) {
            ++end;
        }

        std::string_view number = rest_.substr(begin, end - begin);
        rest_.remove_prefix(end);

        return number;
    }

private:
    static bool is_of_number(char c)
    {
        return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.'
               || c == 'e' || c == 'E';
    }

    std::string_view rest_;
};

/// JSON cannot carry what is not finite, and clients hold 32 bits of it.
bool is_finite(double value)
{
    return value >= -static_cast<double>(FLT_MAX)
           && value <= static_cast<double>(FLT_MAX);
}

bool read(Numbers numbers, double *values, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i) {
        std::string_view number = numbers.next();

        if (number.empty()) {
            return false;
        }

        values[i] = json::Number{number}.real();

        if (!is_finite(values[i])) {
            return false;
        }
    }

    return true;
}

/// A vector of nothing but zeros has no direction and stays as it is.
void normalise(double *values, std::size_t count)
{
    double sum = 0;

    for (std::size_t i = 0; i < count; ++i) {
        sum += values[i] * values[i];
    }

    double length = std::sqrt(sum);

    if (!(length > 0)) {
        return;
    }

    for (std::size_t i = 0; i < count; ++i) {
        values[i] /= length;
    }
}

bool copy(Numbers numbers, std::size_t count, Output &out)
{
    for (std::size_t i = 0; i < count; ++i) {
        std::string_view number = numbers.next();

        if (number.empty()) {
            return false;
        }

        out.append(i == 0 ? '[' : ',');
        out.append(number);
    }

    out.append(']');
    return true;
}

void write_numbers(const double *values, std::size_t count, Output &out)
{
    constexpr std::size_t longest = 32;
    char text[longest];

    for (std::size_t i = 0; i < count; ++i) {
        auto end = std::to_chars(text, text + longest,
            static_cast<float>(values[i])).ptr;

        out.append(i == 0 ? '[' : ',');
        out.append(std::string_view(text,
            static_cast<std::size_t>(end - text)));
    }

    out.append(']');
}

void write_base64(const double *values, std::size_t count, Arena &arena,
    Output &out)
{
    constexpr std::size_t size = sizeof(std::uint32_t);
    char *bytes = arena.allocate_text(count * size);

    for (std::size_t i = 0; i < count; ++i) {
        auto value = static_cast<float>(values[i]);
        std::uint32_t bits;
        static_assert(sizeof(value) == sizeof(bits));
        std::memcpy(&bits, &value, sizeof(bits));

        for (std::size_t byte = 0; byte < size; ++byte) {
            bytes[i * size + byte] = static_cast<char>(bits >> (8 * byte));
        }
    }

    out.append('"');
    out.append(base64::encode({bytes, count * size}));
    out.append('"');
}

}

bool write_vector(std::string_view values, const VectorRules &rules,
    Arena &arena, Output &out)
{
    if (values.empty() || values.front() != '[') {
        return false;
    }

    // Of an array of numbers; that it is one is seen when they are read.
    std::size_t came = 1 + static_cast<std::size_t>(
        std::count(values.begin(), values.end(), ','));

    if (came < rules.dimensions) {
        return false;
    }

    bool cut = rules.dimensions != 0 && came > rules.dimensions;
    bool scale = cut || came < rules.unit_from;
    std::size_t count = cut ? rules.dimensions : came;
    Numbers numbers(values);

    if (!scale && rules.encoding == openai::EncodingFormat::numbers) {
        return copy(numbers, count, out);
    }

    auto *reckoned = static_cast<double *>(
        arena.allocate(count * sizeof(double), alignof(double)));

    if (!read(numbers, reckoned, count)) {
        return false;
    }

    if (scale) {
        normalise(reckoned, count);
    }

    if (rules.encoding == openai::EncodingFormat::base64) {
        write_base64(reckoned, count, arena, out);
    } else {
        write_numbers(reckoned, count, out);
    }

    return true;
}

}
