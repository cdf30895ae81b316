#include "core/front/completions.hpp"

namespace gw::front {

Completions::Completions(const Setting &setting,
    std::pmr::memory_resource *memory)
    : Chat(setting, memory, "cmpl-"), max_answer_(setting.max_event)
{
}

Result<void> Completions::read(std::string_view body)
{
    auto parsed = openai::parse(body, arena(), asked_);

    if (!parsed) {
        return parsed;
    }

    prompt_ = asked_.prompts.begin();
    take(asked_.chat);
    ask();

    return {};
}

/// Makes the prompt at hand the conversation.
void Completions::ask()
{
    openai::Message message;
    message.role_name = json::String("user");
    message.text = *prompt_;

    auto &messages = request().messages;
    messages.clear();
    messages.push(arena(), message);
}

Whole Completions::whole(std::string_view body, bool last_try, Output &out)
{
    if (asked_.prompts.size() == 1) {
        return Chat::whole(body, last_try, out);
    }

    Whole done = Chat::whole(body, last_try, answer_);

    if (done != Whole::written) {
        return done;
    }

    before_ = spent_.usage.prompt_tokens;
    spent_ = Chat::outcome();

    // Each alone is bounded by the glue, and all together are held here.
    if (answer_.view().size() > max_answer_) {
        too_large_ = Error{ErrorKind::bad_request, "The answers to the "
            "prompts are too large together: send fewer at once.", "prompt",
            "invalid_value", 0};
        return Whole::failed;
    }

    if (++answered_ == asked_.prompts.size()) {
        out.append(answer_.view());
        return Whole::written;
    }

    ++prompt_;
    ask();

    return Whole::more;
}

const Error &Completions::error() const
{
    return too_large_ ? *too_large_ : Chat::error();
}

const translate::Outcome &Completions::outcome() const
{
    const translate::Outcome &last = Chat::outcome();

    return last.has_usage ? last : spent_;
}

std::optional<std::int64_t> Completions::counted_tokens() const
{
    const translate::Outcome &last = Chat::outcome();

    return last.has_usage
        ? std::make_optional(last.usage.prompt_tokens - before_)
        : std::nullopt;
}

translate::ReplyOptions Completions::reply_options()
{
    translate::ReplyOptions options = Chat::reply_options();
    translate::TextForm &form = options.text.emplace();

    form.echo = asked_.echo.value_or(false);
    form.prompt = *prompt_;
    form.first_index = static_cast<std::int64_t>(answered_)
                       * request().n.value_or(1);
    form.first = answered_ == 0;
    form.last = answered_ + 1 == asked_.prompts.size();
    form.before = spent_.usage;

    return options;
}

}
