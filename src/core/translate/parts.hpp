// What the parts of a candidate are to a chat client, in the order they came:
// one rule for whole answers and for streams.
// Source: reference/chat-response.md section 2.1.
#pragma once

#include "core/base/output.hpp"
#include "core/gemini/generate_reply.hpp"
#include "core/json/value.hpp"
#include "core/translate/audio.hpp"
#include "core/translate/request.hpp"
#include "core/translate/text_map.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gw::translate {

/// The inside of one JSON string, written from slices of others. Half a
/// surrogate pair at the end of a slice waits for its other half in the next;
/// without one it becomes \ufffd.
class TextJoin {
public:
    void append(const json::String &slice, Output &out)
    {
        if (!slice.escaped && !holding_) {
            out.append(slice.raw);
        } else {
            append_escaped(slice, out);
        }
    }

    bool holding() const { return holding_; }

    /// The string ends: nothing more will follow.
    void end(Output &out);

private:
    static constexpr std::size_t escape_size = 6;

    void append_escaped(const json::String &slice, Output &out);

    char held_[escape_size] = {};
    bool holding_ = false;
};

/// What takes the pieces; a sink hides what it wants to see.
struct PartSink {
    /// The number is the part's (see TextMap).
    void content(const json::String &, std::int64_t) {}
    void reasoning(const json::String &) {}
    void tool_call(const gemini::ReplyFunctionCall &, const json::String &) {}
    void image(const gemini::ReplyBlob &) {}
    void audio(const gemini::ReplyBlob &) {}
    void signature(const json::String &) {}
};

/// How many function calls a client takes, and in what form.
enum class Calls : std::uint8_t {
    parallel,
    single,             // parallel_tool_calls: false
    legacy              // `functions`: one, as function_call
};

/// What the client's request says of the parts.
struct PartRules {
    Thoughts thoughts = Thoughts::field;
    Calls calls = Calls::parallel;
    AudioFormat audio = AudioFormat::none;
    bool only_text = false;         // there is no place for anything else
};

/// Gives the pieces of one choice, part by part, to a sink. Kinds of parts it
/// does not know, drafts of images, calls above the number asked for, audio
/// nobody asked for and files of other kinds are nothing.
class PartWalk {
public:
    explicit PartWalk(const PartRules &rules) : rules_(rules) {}

    /// The parts that follow are another event's: Google cuts a text anywhere,
    /// and the first of them may go on with the last.
    void next_event() { event_begins_ = true; }

    template <typename Sink>
    void part(const gemini::ReplyPart &part, Sink &sink)
    {
        count(part);

        if (rules_.only_text && (part.function_call || part.inline_data)) {
            return;
        }

        if (part.function_call && !part.function_call->name.empty()) {
            close_thought(sink);

            if (saw_tool_call_ && rules_.calls != Calls::parallel) {
                return;
            }

            saw_output_ = true;
            saw_tool_call_ = true;
            sink.tool_call(*part.function_call, part.thought_signature);
            return;
        }

        if (part.text) {
            text(*part.text, part.thought, sink);

        } else if (part.inline_data) {
            if (!part.thought && is_image(*part.inline_data)) {
                close_thought(sink);
                saw_output_ = true;
                sink.image(*part.inline_data);

            } else if (!part.thought && rules_.audio != AudioFormat::none
                       && is_audio(part.inline_data->mime_type))
            {
                close_thought(sink);
                saw_output_ = true;
                sink.audio(*part.inline_data);
            }

        } else if (part.executable_code) {
            fence(language_of(part.executable_code->language),
                json::String(), part.executable_code->code, sink);

        } else if (part.code_execution_result) {
            const auto &result = *part.code_execution_result;

            fence("output", is_ok(result.outcome) ? json::String()
                                                  : result.outcome,
                result.output, sink);
        }

        if (!part.thought_signature.empty() && !rules_.only_text) {
            sink.signature(part.thought_signature);
        }
    }

    /// Nothing more comes for this choice.
    template <typename Sink>
    void end(Sink &sink)
    {
        close_thought(sink);
    }

    /// Text, a call, an image or audio came; thoughts are no output.
    bool saw_output() const { return saw_output_; }
    bool saw_tool_call() const { return saw_tool_call_; }

    const PartRules &rules() const { return rules_; }

private:
    enum class Kind : std::uint8_t { none, text, thought };

    void count(const gemini::ReplyPart &part)
    {
        Kind kind = !part.text ? Kind::none
                    : part.thought ? Kind::thought : Kind::text;

        if (!event_begins_ || kind != kind_ || kind == Kind::none) {
            ++number_;
        }

        event_begins_ = false;
        kind_ = kind;
    }

    template <typename Sink>
    void text(const json::String &text, bool thought, Sink &sink)
    {
        if (text.empty()) {
            return;
        }

        if (!thought) {
            close_thought(sink);
            saw_output_ = true;
            saw_content_ = true;
            sink.content(text, number_);

        } else if (rules_.thoughts == Thoughts::field) {
            sink.reasoning(text);

        } else if (rules_.thoughts == Thoughts::inline_tags) {
            if (!in_thought_) {
                in_thought_ = true;
                content(json::String("<think>"), sink);
            }

            content(text, sink);
        }
    }

    /// What is not upstream's text, or none that it cites.
    template <typename Sink>
    void content(const json::String &text, Sink &sink)
    {
        saw_content_ = true;
        sink.content(text, TextMap::no_part);
    }

    template <typename Sink>
    void close_thought(Sink &sink)
    {
        if (in_thought_) {
            in_thought_ = false;
            content(json::String("</think>"), sink);
        }
    }

    template <typename Sink>
    void fence(std::string_view info, const json::String &remark,
        const json::String &text, Sink &sink)
    {
        const json::String newline("\\n", true);

        if (text.empty() && remark.empty()) {
            return;
        }

        close_thought(sink);
        saw_output_ = true;

        if (saw_content_) {
            content(newline, sink);
        }

        content(json::String("```"), sink);
        content(json::String(info), sink);

        if (!remark.empty()) {
            content(json::String(" "), sink);
            content(remark, sink);
        }

        content(newline, sink);
        content(text, sink);

        if (!ends_line(text)) {
            content(newline, sink);
        }

        content(json::String("```\\n", true), sink);
    }

    static bool is_image(const gemini::ReplyBlob &blob);
    static std::string_view language_of(const json::String &language);
    static bool is_ok(const json::String &outcome);
    static bool ends_line(const json::String &text);

    PartRules rules_;
    std::int64_t number_ = -1;      // of the part at hand
    Kind kind_ = Kind::none;        // its kind
    bool event_begins_ = false;
    bool in_thought_ = false;
    bool saw_content_ = false;
    bool saw_output_ = false;
    bool saw_tool_call_ = false;
};

}
