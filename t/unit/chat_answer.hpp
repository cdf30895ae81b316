// Reads what the chat writers wrote the way a client does, and says what a
// strict one would object to. For tests and fuzzers.
// Source: CreateChatCompletionResponse and CreateChatCompletionStreamResponse
// of OpenAI's API description; reference/chat-response.md section 9.
#pragma once

#include <yajl/yajl_tree.h>

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace gw::test {

struct Call {
    std::string id;
    std::string name;
    std::string arguments;
    std::string signature;

    bool operator==(const Call &other) const
    {
        return id == other.id && name == other.name
               && arguments == other.arguments
               && signature == other.signature;
    }
};

struct Source {
    std::string url;
    std::string title;
    long long begin;
    long long end;

    bool operator==(const Source &other) const
    {
        return url == other.url && title == other.title
               && begin == other.begin && end == other.end;
    }
};

struct AnswerChoice {
    std::string content;
    std::string reasoning;
    std::string refusal;
    std::vector<Call> calls;
    std::vector<std::string> images;
    std::vector<Source> sources;
    std::vector<std::string> tokens;    // of the logprobs
    std::string audio;                  // base64
    std::string audio_id;
    long long audio_expires_at = 0;
    bool has_metadata = false;          // extra_content's grounding_metadata
    std::string continuation_token;
    std::string signature;
    std::string finish_reason;
    std::string native_finish_reason;
    std::string finish_message;
    bool content_is_null = false;
    bool has_role = false;

    bool operator==(const AnswerChoice &other) const
    {
        return content == other.content && reasoning == other.reasoning
               && refusal == other.refusal && calls == other.calls
               && images == other.images && sources == other.sources
               && tokens == other.tokens && audio == other.audio
               && has_metadata == other.has_metadata
               && continuation_token == other.continuation_token
               && signature == other.signature
               && finish_reason == other.finish_reason
               && native_finish_reason == other.native_finish_reason
               && finish_message == other.finish_message;
    }
};

struct Answer {
    std::map<long long, AnswerChoice> choices;
    std::vector<long long> order;
    std::string id;
    std::string model;
    long long prompt_tokens = -1;
    long long completion_tokens = -1;
    long long reasoning_tokens = -1;
    long long total_tokens = -1;
    std::string error_message;
    bool done = false;
    bool failed = false;
    std::size_t chunks = 0;
    std::string problem;        // empty: nothing to object to

    void object_to(const std::string &what)
    {
        if (problem.empty()) {
            problem = what;
        }
    }

    bool same_as(const Answer &other) const
    {
        return choices == other.choices
               && prompt_tokens == other.prompt_tokens
               && completion_tokens == other.completion_tokens
               && reasoning_tokens == other.reasoning_tokens;
    }
};

class Tree {
public:
    explicit Tree(std::string_view text)
    {
        std::string copy(text);
        char error[256];

        // yajl takes a NUL for the end.
        if (copy.find('\0') == std::string::npos) {
            root_ = yajl_tree_parse(copy.c_str(), error, sizeof(error));
        }
    }

    Tree(const Tree &) = delete;
    Tree &operator=(const Tree &) = delete;
    ~Tree() { yajl_tree_free(root_); }

    yajl_val root() const { return root_; }

private:
    yajl_val root_ = nullptr;
};

inline yajl_val member(yajl_val object, const char *name)
{
    if (!YAJL_IS_OBJECT(object)) {
        return nullptr;
    }

    const char *path[] = {name, nullptr};
    return yajl_tree_get(object, path, yajl_t_any);
}

inline std::optional<std::string> text_of(yajl_val value)
{
    if (!YAJL_IS_STRING(value)) {
        return std::nullopt;
    }

    return std::string(YAJL_GET_STRING(value));
}

inline std::string text_or_empty(yajl_val value)
{
    return text_of(value).value_or("");
}

inline std::string signature_of(yajl_val object)
{
    return text_or_empty(member(member(member(object, "extra_content"),
        "google"), "thought_signature"));
}

inline void read_head(yajl_val root, const char *object, Answer &answer)
{
    auto id = text_of(member(root, "id"));
    auto model = text_of(member(root, "model"));

    if (!id || !model || text_or_empty(member(root, "object")) != object
        || !YAJL_IS_INTEGER(member(root, "created"))
        || !YAJL_IS_ARRAY(member(root, "choices")))
    {
        answer.object_to("a required member of the object is missing");
        return;
    }

    if (!answer.id.empty() && (answer.id != *id || answer.model != *model)) {
        answer.object_to("id or model changed");
    }

    if (member(root, "error") != nullptr) {
        answer.object_to("a chunk has the key error");
    }

    answer.id = *id;
    answer.model = *model;
}

inline long long integer_of(yajl_val value, Answer &answer)
{
    if (!YAJL_IS_INTEGER(value)) {
        answer.object_to("a count is no integer");
        return -1;
    }

    return YAJL_GET_INTEGER(value);
}

inline void read_usage(yajl_val usage, Answer &answer)
{
    answer.prompt_tokens = integer_of(member(usage, "prompt_tokens"), answer);
    answer.completion_tokens = integer_of(member(usage, "completion_tokens"),
        answer);
    answer.total_tokens = integer_of(member(usage, "total_tokens"), answer);
    answer.reasoning_tokens = integer_of(member(
        member(usage, "completion_tokens_details"), "reasoning_tokens"),
        answer);
    integer_of(member(member(usage, "prompt_tokens_details"),
        "cached_tokens"), answer);
}

inline void read_calls(yajl_val calls, bool indexed, AnswerChoice &choice,
    Answer &answer)
{
    if (calls == nullptr) {
        return;
    }

    if (!YAJL_IS_ARRAY(calls)) {
        answer.object_to("tool_calls is no array");
        return;
    }

    for (std::size_t i = 0; i < YAJL_GET_ARRAY(calls)->len; ++i) {
        yajl_val call = YAJL_GET_ARRAY(calls)->values[i];
        yajl_val function = member(call, "function");
        auto id = text_of(member(call, "id"));
        auto name = text_of(member(function, "name"));
        auto arguments = text_of(member(function, "arguments"));

        if (!id || !name || !arguments
            || text_or_empty(member(call, "type")) != "function")
        {
            answer.object_to("a tool call lacks a required member");
            continue;
        }

        if (indexed
            && integer_of(member(call, "index"), answer)
                   != static_cast<long long>(choice.calls.size()))
        {
            answer.object_to("a tool call's index does not run");
        }

        if (Tree(*arguments).root() == nullptr) {
            answer.object_to("arguments are no JSON: " + *arguments);
        }

        choice.calls.push_back({*id, *name, *arguments, signature_of(call)});
    }
}

inline void read_images(yajl_val images, AnswerChoice &choice, Answer &answer)
{
    for (std::size_t i = 0;
         YAJL_IS_ARRAY(images) && i < YAJL_GET_ARRAY(images)->len; ++i)
    {
        yajl_val image = YAJL_GET_ARRAY(images)->values[i];
        auto url = text_of(member(member(image, "image_url"), "url"));

        if (!url || integer_of(member(image, "index"), answer)
                        != static_cast<long long>(choice.images.size()))
        {
            answer.object_to("an image lacks its url or index");
            continue;
        }

        choice.images.push_back(*url);
    }
}

inline void read_function_call(yajl_val call, AnswerChoice &choice,
    Answer &answer)
{
    if (call == nullptr) {
        return;
    }

    auto name = text_of(member(call, "name"));
    auto arguments = text_of(member(call, "arguments"));

    if (!name || !arguments || !choice.calls.empty()) {
        answer.object_to("no function_call, or two");
        return;
    }

    choice.calls.push_back({"", *name, *arguments, signature_of(call)});
}

inline void read_sources(yajl_val list, AnswerChoice &choice, Answer &answer)
{
    for (std::size_t i = 0;
         YAJL_IS_ARRAY(list) && i < YAJL_GET_ARRAY(list)->len; ++i)
    {
        yajl_val value = YAJL_GET_ARRAY(list)->values[i];
        yajl_val citation = member(value, "url_citation");
        auto url = text_of(member(citation, "url"));
        auto title = text_of(member(citation, "title"));

        if (!url || !title
            || text_or_empty(member(value, "type")) != "url_citation")
        {
            answer.object_to("an annotation lacks a required member");
            continue;
        }

        Source source{*url, *title,
            integer_of(member(citation, "start_index"), answer),
            integer_of(member(citation, "end_index"), answer)};

        if (source.begin < 0 || source.end < source.begin) {
            answer.object_to("an annotation's range is none");
        }

        choice.sources.push_back(source);
    }
}

/// The parts of a message or a delta that come seldom.
inline void read_extras(yajl_val message, AnswerChoice &choice,
    Answer &answer)
{
    yajl_val google = member(member(message, "extra_content"), "google");
    yajl_val audio = member(message, "audio");

    read_function_call(member(message, "function_call"), choice, answer);
    read_sources(member(message, "annotations"), choice, answer);
    choice.has_metadata = choice.has_metadata
                          || member(google, "grounding_metadata") != nullptr;
    choice.continuation_token += text_or_empty(member(google,
        "continuation_token"));
    choice.audio += text_or_empty(member(audio, "data"));
    choice.audio_id += text_or_empty(member(audio, "id"));

    if (yajl_val expires = member(audio, "expires_at")) {
        choice.audio_expires_at = integer_of(expires, answer);
    }
}

inline bool is_token(yajl_val value)
{
    return text_of(member(value, "token"))
           && YAJL_IS_NUMBER(member(value, "logprob"))
           && YAJL_IS_ARRAY(member(value, "bytes"));
}

inline void read_logprobs(yajl_val logprobs, AnswerChoice &choice,
    Answer &answer)
{
    yajl_val content = member(logprobs, "content");

    if (YAJL_IS_NULL(logprobs)) {
        return;
    }

    if (!YAJL_IS_ARRAY(content) || member(logprobs, "refusal") == nullptr) {
        answer.object_to("logprobs lack a required member");
        return;
    }

    for (std::size_t i = 0; i < YAJL_GET_ARRAY(content)->len; ++i) {
        yajl_val token = YAJL_GET_ARRAY(content)->values[i];
        yajl_val top = member(token, "top_logprobs");

        if (!is_token(token) || !YAJL_IS_ARRAY(top)) {
            answer.object_to("a token lacks a required member");
            continue;
        }

        std::string text = text_or_empty(member(token, "token"));
        text += '=';
        text += YAJL_GET_NUMBER(member(token, "logprob"));

        for (std::size_t k = 0; k < YAJL_GET_ARRAY(top)->len; ++k) {
            yajl_val other = YAJL_GET_ARRAY(top)->values[k];

            if (!is_token(other)) {
                answer.object_to("a top token lacks a required member");
            }

            text += ' ';
            text += text_or_empty(member(other, "token"));
        }

        choice.tokens.push_back(text);
    }
}

inline void read_finish(yajl_val value, AnswerChoice &choice, Answer &answer)
{
    static const char *const legal[] = {"stop", "length", "tool_calls",
        "content_filter", "function_call"};

    choice.finish_reason = text_or_empty(member(value, "finish_reason"));
    choice.native_finish_reason = text_or_empty(member(value,
        "native_finish_reason"));
    choice.finish_message = text_or_empty(member(value, "finish_message"));

    for (const char *reason : legal) {
        if (choice.finish_reason == reason) {
            return;
        }
    }

    answer.object_to("illegal finish_reason");
}

inline void check_calls(Answer &answer)
{
    std::set<std::string> ids;

    for (const auto &[index, choice] : answer.choices) {
        for (const Call &call : choice.calls) {
            if (!ids.insert(call.id).second) {
                answer.object_to("two tool calls share an id");
            }
        }
    }
}

inline void read_chunk(std::string_view data, bool include_usage,
    Answer &answer)
{
    Tree tree(data);
    yajl_val root = tree.root();

    if (!YAJL_IS_OBJECT(root)) {
        answer.object_to("an event is no JSON object: " + std::string(data));
        return;
    }

    yajl_val error = member(root, "error");

    if (YAJL_IS_OBJECT(error)) {
        answer.failed = true;
        answer.error_message = text_or_empty(member(error, "message"));
        return;
    }

    read_head(root, "chat.completion.chunk", answer);

    if (!answer.problem.empty()) {
        return;
    }

    ++answer.chunks;

    yajl_val choices = member(root, "choices");
    yajl_val usage = member(root, "usage");

    if (answer.total_tokens >= 0) {
        answer.object_to("a chunk after the usage");
    }

    if (YAJL_GET_ARRAY(choices)->len == 0) {
        if (!include_usage) {
            answer.object_to("a chunk without choices");
        }

        read_usage(usage, answer);
        return;
    }

    if (include_usage ? !YAJL_IS_NULL(usage) : usage != nullptr) {
        answer.object_to("usage in a chunk with choices");
    }

    yajl_val value = YAJL_GET_ARRAY(choices)->values[0];
    yajl_val delta = member(value, "delta");
    long long index = integer_of(member(value, "index"), answer);
    AnswerChoice &choice = answer.choices[index];

    if (!YAJL_IS_OBJECT(delta)
        || member(value, "finish_reason") == nullptr)
    {
        answer.object_to("a choice lacks delta or finish_reason");
        return;
    }

    if (!choice.finish_reason.empty()) {
        answer.object_to("a chunk after the finish chunk of its choice");
    }

    if (member(delta, "role") != nullptr) {
        if (choice.has_role
            || text_or_empty(member(delta, "role")) != "assistant")
        {
            answer.object_to("a role twice, or not assistant");
        }

        choice.has_role = true;
        answer.order.push_back(index);

    } else if (!choice.has_role) {
        answer.object_to("a choice does not begin with its role");
    }

    choice.content += text_or_empty(member(delta, "content"));
    choice.reasoning += text_or_empty(member(delta, "reasoning_content"));
    choice.refusal += text_or_empty(member(delta, "refusal"));
    read_calls(member(delta, "tool_calls"), true, choice, answer);
    read_images(member(delta, "images"), choice, answer);
    read_extras(delta, choice, answer);
    read_logprobs(member(value, "logprobs"), choice, answer);

    if (auto signature = signature_of(delta); !signature.empty()) {
        choice.signature = signature;
    }

    if (!YAJL_IS_NULL(member(value, "finish_reason"))) {
        read_finish(value, choice, answer);
    }
}

/// The events of a stream, whole or broken off between two events.
inline Answer read_stream(std::string_view text, bool include_usage)
{
    constexpr std::string_view begin = "data: ";
    Answer answer;

    while (!text.empty() && answer.problem.empty()) {
        std::size_t end = text.find('\n');

        if (end == std::string_view::npos || text.substr(end, 2) != "\n\n"
            || text.substr(0, begin.size()) != begin)
        {
            answer.object_to("not an event of one data line");
            break;
        }

        if (answer.done || answer.failed) {
            answer.object_to("an event after the last one");
            break;
        }

        auto data = text.substr(begin.size(), end - begin.size());

        if (data == "[DONE]") {
            answer.done = true;
        } else {
            read_chunk(data, include_usage, answer);
        }

        text.remove_prefix(end + 2);
    }

    for (const auto &[index, choice] : answer.choices) {
        if (answer.done && choice.finish_reason.empty()) {
            answer.object_to("a choice without a finish chunk");
        }
    }

    if (answer.done && answer.choices.empty()) {
        answer.object_to("no choice");
    }

    check_calls(answer);
    return answer;
}

/// A whole completion.
inline Answer read_completion(std::string_view text)
{
    Answer answer;
    Tree tree(text);

    if (!YAJL_IS_OBJECT(tree.root())) {
        answer.object_to("no JSON object: " + std::string(text));
        return answer;
    }

    read_head(tree.root(), "chat.completion", answer);
    read_usage(member(tree.root(), "usage"), answer);

    if (!answer.problem.empty()) {
        return answer;
    }

    yajl_val choices = member(tree.root(), "choices");

    if (YAJL_GET_ARRAY(choices)->len == 0) {
        answer.object_to("no choice");
    }

    for (std::size_t i = 0; i < YAJL_GET_ARRAY(choices)->len; ++i) {
        yajl_val value = YAJL_GET_ARRAY(choices)->values[i];
        yajl_val message = member(value, "message");
        long long index = integer_of(member(value, "index"), answer);
        AnswerChoice &choice = answer.choices[index];

        answer.order.push_back(index);

        if (text_or_empty(member(message, "role")) != "assistant"
            || member(message, "content") == nullptr
            || member(message, "refusal") == nullptr
            || member(value, "logprobs") == nullptr)
        {
            answer.object_to("a message lacks a required member");
        }

        choice.has_role = true;
        choice.content_is_null = YAJL_IS_NULL(member(message, "content"));
        choice.content = text_or_empty(member(message, "content"));
        choice.reasoning = text_or_empty(member(message,
            "reasoning_content"));
        choice.refusal = text_or_empty(member(message, "refusal"));
        choice.signature = signature_of(message);
        read_calls(member(message, "tool_calls"), false, choice, answer);
        read_images(member(message, "images"), choice, answer);
        read_extras(message, choice, answer);
        read_logprobs(member(value, "logprobs"), choice, answer);
        read_finish(value, choice, answer);

        if (choice.content_is_null && choice.calls.empty()) {
            answer.object_to("content is null without tool calls");
        }
    }

    check_calls(answer);
    return answer;
}

/// Whether no annotation goes beyond the content. text: what was read; yajl's
/// strings end at a NUL, so that contents with one cannot be told.
inline bool cites_what_is_there(const Answer &answer, std::string_view text)
{
    if (text.find("\\u0000") != std::string_view::npos) {
        return true;
    }

    for (const auto &[index, choice] : answer.choices) {
        long long size = 0;

        for (char c : choice.content) {
            size += (c & 0xc0) != 0x80;
        }

        for (const Source &source : choice.sources) {
            if (source.end > size) {
                return false;
            }
        }
    }

    return true;
}

}
