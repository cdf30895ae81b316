#include "core/translate/logprobs.hpp"

#include "core/json/elements.hpp"
#include "core/json/reader.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace gw::translate {

namespace {

/// What OpenAI gives for "very unlikely". Proto JSON writes minus infinity as
/// a string.
constexpr std::string_view very_unlikely = "-9999.0";

struct Token {
    json::String text;
    std::string_view logprob = "0";     // proto JSON may leave a zero out
};

struct Candidates {
    json::Raw list;
};

struct LogprobsResult {
    json::Raw chosen;
    json::Raw top;
};

constexpr json::Field logprob_field = [] {
    json::Field field;
    field.name = "logProbability";
    field.takes_string = true;
    field.takes_number = true;
    field.scalar = [](json::Reader &, void *token,
                       const json::Scalar &value) {
        static_cast<Token *>(token)->logprob
            = value.type == json::Type::number ? value.string.raw
                                               : very_unlikely;
    };
    return field;
}();

constexpr json::Field token_fields[] = {
    json::string<&Token::text>("token"),
    logprob_field,
};
constexpr json::Shape token_shape{token_fields};

constexpr json::Field candidates_fields[] = {
    json::raw<&Candidates::list>("candidates"),
};
constexpr json::Shape candidates_shape{candidates_fields};

constexpr json::Field result_fields[] = {
    json::raw<&LogprobsResult::chosen>("chosenCandidates"),
    json::raw<&LogprobsResult::top>("topCandidates"),
};
constexpr json::Shape result_shape{result_fields};

template <typename T>
T read(std::string_view text, const json::Shape &shape, Arena &arena)
{
    T value;

    // What cannot be read is as if it had no members.
    if (!json::read(text, shape, value, arena, json::Strictness::lenient)) {
        return {};
    }

    return value;
}

/// The objects of an array, one after the other.
class Objects {
public:
    explicit Objects(const json::Raw &array)
        : rest_(array.type == json::Type::array ? array.text
                                                : std::string_view()),
          elements_(rest_.size())
    {
    }

    bool next(std::string_view &object)
    {
        return elements_.next(rest_, object)
               == json::Elements::Step::object;
    }

private:
    std::string_view rest_;
    json::Elements elements_;
};

void write_token(const Token &token, Arena &arena, json::Writer &writer)
{
    writer.key("token").text(token.text);
    writer.key("logprob").raw(token.logprob);
    writer.key("bytes").begin_array();

    for (char c : token.text.decode(arena)) {
        writer.number(static_cast<unsigned char>(c));
    }

    writer.end_array();
}

}

bool has_logprobs(const json::Raw &result, Arena &arena)
{
    if (result.type != json::Type::object) {
        return false;
    }

    auto parsed = read<LogprobsResult>(result.text, result_shape, arena);
    std::string_view object;

    return Objects(parsed.chosen).next(object);
}

void write_logprobs(const json::Raw &result, Arena &arena,
    json::Writer &writer)
{
    if (!has_logprobs(result, arena)) {
        writer.null();
        return;
    }

    auto parsed = read<LogprobsResult>(result.text, result_shape, arena);
    Objects chosen(parsed.chosen);
    Objects top(parsed.top);
    std::string_view object;

    writer.begin_object();
    writer.key("content").begin_array();

    while (chosen.next(object)) {
        writer.begin_object();
        write_token(read<Token>(object, token_shape, arena), arena, writer);
        writer.key("top_logprobs").begin_array();

        if (top.next(object)) {
            Objects others(read<Candidates>(object, candidates_shape, arena)
                               .list);

            while (others.next(object)) {
                writer.begin_object();
                write_token(read<Token>(object, token_shape, arena), arena,
                    writer);
                writer.end_object();
            }
        }

        writer.end_array();
        writer.end_object();
    }

    writer.end_array();
    writer.key("refusal").null();
    writer.end_object();
}

std::int64_t characters(std::string_view text)
{
    return std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    });
}

void write_text_logprobs(const json::Raw &result, std::int64_t &offset,
    Arena &arena, json::Writer &writer)
{
    if (!has_logprobs(result, arena)) {
        writer.null();
        return;
    }

    const auto parsed = read<LogprobsResult>(result.text, result_shape,
        arena);
    std::string_view object;

    auto each = [&](std::string_view name, const json::Raw &list,
                    auto write) {
        writer.key(name);

        if (!list.present()) {
            writer.null();
            return;
        }

        writer.begin_array();

        for (Objects tokens(list); tokens.next(object); ) {
            write(object);
        }

        writer.end_array();
    };

    auto token = [&](std::string_view text) {
        return read<Token>(text, token_shape, arena);
    };

    writer.begin_object();

    each("tokens", parsed.chosen, [&](std::string_view text) {
        writer.text(token(text).text);
    });

    each("token_logprobs", parsed.chosen, [&](std::string_view text) {
        writer.raw(token(text).logprob);
    });

    each("top_logprobs", parsed.top, [&](std::string_view text) {
        const auto list = read<Candidates>(text, candidates_shape, arena).list;
        std::string_view one;

        writer.begin_object();

        for (Objects others(list); others.next(one); ) {
            const Token other = token(one);
            writer.text(other.text);
            writer.out().append(':');
            writer.out().append(other.logprob);
        }

        writer.end_object();
    });

    each("text_offset", parsed.chosen, [&](std::string_view text) {
        writer.number(offset);
        offset += characters(token(text).text.decode(arena));
    });

    writer.end_object();
}

}
