#include "nginx/signatures.hpp"

#include "core/base/text.hpp"
#include "nginx/glue.hpp"

namespace gw::ngx {

namespace {

// A place in the store is never that of id 0.
std::uint64_t place_of(std::string_view call_id, std::uint64_t owner)
{
    return hash64(call_id, owner) | 1;
}

}

void ClientSignatures::keep(std::string_view call_id,
    std::string_view signature)
{
    keys::Event event;
    event.kind = keys::EventKind::signature_kept;
    event.owner = place_of(call_id, owner_);
    event.at_ms = now_ms();

    store_.keep(event.owner, signature, event.at_ms);

    if (shared_) {
        pool_.journal().append(event);
    }
}

bool ClientSignatures::find(std::string_view call_id, std::string &signature)
{
    return store_.find(place_of(call_id, owner_), signature);
}

}
