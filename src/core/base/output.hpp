// Where every writer of the core writes: contiguous room when there is some,
// a virtual call only when there is none.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace gw {

/// The owner of the bytes decides in grow() and refer() where they go: nginx
/// bufs, a std::string. Throws std::bad_alloc when the owner has no memory.
class Output {
public:
    /// From this size on a slice that outlives the output is worth a segment
    /// of its own instead of a copy.
    static constexpr std::size_t refer_from = 1024;

    Output(const Output &) = delete;
    Output &operator=(const Output &) = delete;

    void append(char c)
    {
        if (position_ == end_) {
            grow(1);
        }

        *position_++ = c;
    }

    void append(std::string_view text)
    {
        if (static_cast<std::size_t>(end_ - position_) < text.size()) {
            append_in_pieces(text);
            return;
        }

        if (!text.empty()) {
            std::memcpy(position_, text.data(), text.size());
            position_ += text.size();
        }
    }

    /// For a text that lives at least as long as what is written, such as a
    /// slice of the request body: long ones are referred to, not copied.
    void append_lasting(std::string_view text)
    {
        if (text.size() < refer_from || !refer(text)) {
            append(text);
        }
    }

    /// "NAME": with a comma before it, or none.
    void append_member(bool comma, std::string_view name)
    {
        constexpr std::size_t around = 4;

        if (static_cast<std::size_t>(end_ - position_)
            < name.size() + around)
        {
            append(comma ? std::string_view(",\"") : std::string_view("\""));
            append(name);
            append(std::string_view("\":"));
            return;
        }

        char *p = position_;
        *p = ',';
        p += comma;
        *p++ = '"';
        std::memcpy(p, name.data(), name.size());
        p += name.size();
        *p++ = '"';
        *p++ = ':';
        position_ = p;
    }

    void append_number(std::int64_t number)
    {
        char digits[24];
        auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
        append(std::string_view(digits, static_cast<std::size_t>(
                                            end - digits)));
    }

protected:
    Output() = default;
    ~Output() = default;

    /// Makes position_ < end_; room for `least` is welcome but not promised.
    virtual void grow(std::size_t least) = 0;

    /// Takes a lasting text by reference. false: copy it instead.
    virtual bool refer(std::string_view) { return false; }

    char *position_ = nullptr;
    char *end_ = nullptr;

private:
    void append_in_pieces(std::string_view text)
    {
        while (!text.empty()) {
            if (position_ == end_) {
                grow(text.size());
            }

            std::size_t n = static_cast<std::size_t>(end_ - position_);

            if (n > text.size()) {
                n = text.size();
            }

            std::memcpy(position_, text.data(), n);
            position_ += n;
            text.remove_prefix(n);
        }
    }
};

/// Into a string of its own: tests, tools, small bodies.
class StringOutput final : public Output {
public:
    std::string take()
    {
        text_.resize(size());
        std::string out = std::move(text_);
        text_.clear();
        position_ = end_ = nullptr;
        return out;
    }

    std::string_view view() const { return {text_.data(), size()}; }

private:
    std::size_t size() const
    {
        return position_ == nullptr
            ? 0 : static_cast<std::size_t>(position_ - text_.data());
    }

    void grow(std::size_t least) override
    {
        std::size_t used = size();
        std::size_t room = used < 256 ? 256 : used;
        text_.resize(used + (room > least ? room : least));
        position_ = text_.data() + used;
        end_ = text_.data() + text_.size();
    }

    std::string text_;
};

}
