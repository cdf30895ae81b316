// The input begins with a limit and the sizes of pieces; cut so or not, the
// rest must give the same events, none over the limit.
#include "core/sse/splitter.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace gw;

using Step = sse::Splitter::Step;

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

class Run {
public:
    explicit Run(std::size_t max) : max_(max), splitter_(max) {}

    void feed(std::string_view piece)
    {
        // A buffer of its own that ends with the call: an event must not
        // look into the piece before.
        std::unique_ptr<char[]> copy(new char[piece.size()]);
        piece.copy(copy.get(), piece.size());

        std::string_view rest(copy.get(), piece.size());
        std::string_view data;
        Step step = Step::more;

        while (!failed_ && (step = splitter_.next(rest, data)) != Step::more)
        {
            add(step, data);
        }

        require(failed_ || rest.empty());
    }

    void finish()
    {
        std::string_view data;
        Step step = failed_ ? Step::more : splitter_.finish(data);

        if (step != Step::more) {
            add(step, data);
        }
    }

    const std::vector<std::string> &events() const { return events_; }

private:
    void add(Step step, std::string_view data)
    {
        if (step == Step::too_large) {
            failed_ = true;
            events_.emplace_back("!");
            return;
        }

        require(!data.empty() && data.size() <= max_);
        require(data.find('\r') == std::string_view::npos
                || step == Step::bare_json);
        events_.push_back((step == Step::event ? "e" : "b")
                          + std::string(data));
    }

    std::size_t max_;
    sse::Splitter splitter_;
    bool failed_ = false;
    std::vector<std::string> events_;
};

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    constexpr std::size_t cuts = 8;

    if (size < cuts + 1) {
        return 0;
    }

    std::size_t max = bytes[0];
    std::string_view text(reinterpret_cast<const char *>(bytes) + cuts + 1,
        size - cuts - 1);

    Run whole(max);
    whole.feed(text);
    whole.finish();

    Run cut(max);
    std::string_view rest = text;

    for (std::size_t i = 0; !rest.empty(); i = (i + 1) % cuts) {
        // Never zero for all, so that it ends.
        std::size_t piece = bytes[1 + i] + (i == 0);
        cut.feed(rest.substr(0, piece));
        rest.remove_prefix(piece < rest.size() ? piece : rest.size());
    }

    cut.finish();
    require(whole.events() == cut.events());

    Run single(max);

    for (std::size_t i = 0; i < text.size(); ++i) {
        single.feed(text.substr(i, 1));
    }

    single.finish();
    require(whole.events() == single.events());

    return 0;
}
