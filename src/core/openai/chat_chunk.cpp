#include "core/openai/chat_chunk.hpp"

namespace gw::openai {

namespace {

/// Room for everything in the prefix but the id and the model.
constexpr std::size_t prefix_room = 128;

/// Into a string that has the room already.
class PrefixOutput final : public Output {
public:
    explicit PrefixOutput(std::pmr::string &text) : text_(text)
    {
        position_ = text.data();
        end_ = position_ + text.size();
    }

    void finish()
    {
        text_.resize(static_cast<std::size_t>(position_ - text_.data()));
    }

private:
    void grow(std::size_t least) override
    {
        auto used = static_cast<std::size_t>(position_ - text_.data());
        text_.resize(used + least + prefix_room);
        position_ = text_.data() + used;
        end_ = text_.data() + text_.size();
    }

    std::pmr::string &text_;
};

}

ChunkWriter::ChunkWriter(const ReplyHead &head, bool include_usage,
    std::pmr::memory_resource *memory, ChunkForm form)
    : prefix_(prefix_room + head.id.size() + head.model.size(), '\0', memory),
      include_usage_(include_usage), form_(form)
{
    PrefixOutput out(prefix_);
    out.append(std::string_view("data: "));
    write_head(head, form == ChunkForm::chat ? "chat.completion.chunk"
                                             : "text_completion", out);
    out.finish();
}

void ChunkWriter::begin_delta(std::int64_t index, Output &out) const
{
    begin_choice(index, out);
    out.append(std::string_view("\"delta\":{"));
}

void ChunkWriter::end_delta(Output &out) const
{
    begin_rest(out);
    out.append(std::string_view("null,\"finish_reason\":null"));
    end_choice(out);
}

void ChunkWriter::begin_logprobs(Output &out) const
{
    begin_rest(out);
}

void ChunkWriter::end_logprobs(Output &out) const
{
    out.append(std::string_view(",\"finish_reason\":null"));
    end_choice(out);
}

void ChunkWriter::begin_text(std::int64_t index, std::string_view name,
    Output &out) const
{
    if (form_ == ChunkForm::text) {
        begin_choice(index, out);
        out.append(std::string_view("\"text\":\""));
        return;
    }

    begin_delta(index, out);
    out.append('"');
    out.append(name);
    out.append(std::string_view("\":\""));
}

void ChunkWriter::end_text(Output &out) const
{
    out.append('"');
    end_delta(out);
}

void ChunkWriter::role(std::int64_t index, Output &out) const
{
    begin_delta(index, out);
    out.append(std::string_view("\"role\":\"assistant\",\"content\":\"\""));
    end_delta(out);
}

void ChunkWriter::finish(std::int64_t index, std::string_view reason,
    std::string_view native, std::string_view message, Output &out) const
{
    if (form_ == ChunkForm::text) {
        begin_text(index, {}, out);
        out.append('"');
    } else {
        begin_delta(index, out);
    }

    begin_rest(out);
    out.append(std::string_view("null,\"finish_reason\":\""));
    out.append(reason);
    out.append('"');
    write_native_finish(native, message, out);
    end_choice(out);
}

void ChunkWriter::usage(const gemini::Usage &usage, Output &out) const
{
    out.append(prefix_);
    out.append(std::string_view("],\"usage\":"));

    json::Writer writer(out);
    write_usage(usage, writer);

    out.append(std::string_view("}\n\n"));
}

void ChunkWriter::done(Output &out) const
{
    out.append(std::string_view("data: [DONE]\n\n"));
}

void ChunkWriter::begin_choice(std::int64_t index, Output &out) const
{
    out.append(prefix_);
    out.append(std::string_view("{\"index\":"));
    out.append_number(index);
    out.append(',');
}

void ChunkWriter::begin_rest(Output &out) const
{
    out.append(form_ == ChunkForm::chat ? std::string_view("},\"logprobs\":")
                                        : std::string_view(",\"logprobs\":"));
}

void ChunkWriter::end_choice(Output &out) const
{
    out.append(include_usage_ ? std::string_view("}],\"usage\":null}\n\n")
                              : std::string_view("}]}\n\n"));
}

}
