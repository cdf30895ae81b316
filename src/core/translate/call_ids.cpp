#include "core/translate/call_ids.hpp"

#include "core/base/text.hpp"
#include "core/json/writer.hpp"

#include <algorithm>

namespace gw::translate {

void CallIds::write(const gemini::ReplyFunctionCall &call, Output &out)
{
    if (take(call.id)) {
        json::Writer(out).text(call.id);
        return;
    }

    out.append(std::string_view("\"call_"));
    out.append(seed_);
    out.append_number(generated_++);
    out.append('"');
}

bool CallIds::take(const json::String &id)
{
    if (id.empty() || id.raw.size() > max_size || known_ == max_known) {
        return false;
    }

    auto *begin = hashes_.begin();
    auto *end = begin + known_;
    std::uint64_t hash = hash64(id.raw);

    if (std::find(begin, end, hash) != end) {
        return false;
    }

    hashes_[known_++] = hash;
    return true;
}

}
