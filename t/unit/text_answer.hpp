// What a strict client would object to in text completions. For tests and
// fuzzers.
// Source: CreateCompletionResponse of OpenAI's API description.
#pragma once

#include "chat_answer.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace gw::test {

inline std::size_t size_of(yajl_val array)
{
    return YAJL_IS_ARRAY(array) ? YAJL_GET_ARRAY(array)->len : 0;
}

/// finished: the choice has come to its end. Empty: nothing to object to.
inline std::string objection_to_choice(yajl_val choice, bool finished)
{
    yajl_val logprobs = member(choice, "logprobs");
    yajl_val reason = member(choice, "finish_reason");
    std::string word = text_or_empty(reason);

    if (!text_of(member(choice, "text"))
        || !YAJL_IS_INTEGER(member(choice, "index")) || logprobs == nullptr)
    {
        return "a required member of a choice is missing";
    }

    if (member(choice, "message") != nullptr
        || member(choice, "delta") != nullptr)
    {
        return "a choice is a chat's";
    }

    if (!(word == "stop" || word == "length" || word == "content_filter"
          || (!finished && YAJL_IS_NULL(reason))))
    {
        return "illegal finish_reason";
    }

    if (YAJL_IS_NULL(logprobs)) {
        return {};
    }

    std::size_t tokens = size_of(member(logprobs, "tokens"));
    long long last = 0;

    if (tokens == 0 || size_of(member(logprobs, "token_logprobs")) != tokens
        || size_of(member(logprobs, "text_offset")) != tokens
        || member(logprobs, "top_logprobs") == nullptr)
    {
        return "logprobs are of different lengths";
    }

    for (std::size_t i = 0; i < tokens; ++i) {
        yajl_val offset = YAJL_GET_ARRAY(member(logprobs,
            "text_offset"))->values[i];

        if (!YAJL_IS_INTEGER(offset) || YAJL_GET_INTEGER(offset) < last) {
            return "offsets do not run";
        }

        last = YAJL_GET_INTEGER(offset);
    }

    return {};
}

inline std::string objection_to_object(yajl_val root, bool finished)
{
    Answer answer;
    yajl_val choices = member(root, "choices");

    read_head(root, "text_completion", answer);

    for (std::size_t i = 0; i < size_of(choices) && answer.problem.empty();
         ++i)
    {
        answer.object_to(objection_to_choice(
            YAJL_GET_ARRAY(choices)->values[i], finished));
    }

    return answer.problem;
}

inline std::string objection_to_text(std::string_view text)
{
    Tree tree(text);
    Answer answer;
    yajl_val choices = member(tree.root(), "choices");
    long long last = -1;

    read_usage(member(tree.root(), "usage"), answer);

    for (std::size_t i = 0; i < size_of(choices); ++i) {
        yajl_val index = member(YAJL_GET_ARRAY(choices)->values[i], "index");

        if (!YAJL_IS_INTEGER(index) || YAJL_GET_INTEGER(index) <= last) {
            return "the choices are not numbered through";
        }

        last = YAJL_GET_INTEGER(index);
    }

    return last < 0 ? "no choices" : answer.problem.empty()
        ? objection_to_object(tree.root(), true) : answer.problem;
}

/// ended: the stream has come to its end, else it may break off anywhere
/// between events.
inline std::string objection_to_stream(std::string_view text, bool ended)
{
    constexpr std::string_view begin = "data: ";
    constexpr std::string_view end = "\n\n";
    bool done = false;

    while (!text.empty()) {
        std::size_t size = text.find(end);

        if (done || text.substr(0, begin.size()) != begin
            || size == std::string_view::npos)
        {
            return "an event that is none";
        }

        std::string_view data = text.substr(begin.size(),
            size - begin.size());
        text.remove_prefix(size + end.size());
        done = data == "[DONE]";

        if (!done) {
            Tree tree(data);
            std::string problem = objection_to_object(tree.root(), false);

            if (!problem.empty()) {
                return problem;
            }
        }
    }

    return done == ended ? "" : "[DONE] does not stand at the end";
}

}
