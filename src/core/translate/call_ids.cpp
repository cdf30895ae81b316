#include "core/translate/call_ids.hpp"

#include "core/base/text.hpp"
#include "core/json/writer.hpp"

#include <algorithm>
#include <string>

namespace gw::translate {

void CallIds::write(const gemini::ReplyFunctionCall &call,
    const json::String &signature, Output &out)
{
    bool kept = sink_ != nullptr && !signature.empty();

    if (take(call.id)) {
        json::Writer(out).text(call.id);

        // Upstream's ids have nothing to escape.
        if (kept && !call.id.escaped) {
            sink_->keep(call.id.raw, signature);
        }

        return;
    }

    std::string id = "call_";
    id += seed_;
    id += std::to_string(generated_++);

    out.append('"');
    out.append(id);
    out.append('"');

    if (kept) {
        sink_->keep(id, signature);
    }
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
