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
    store_.keep(place_of(call_id, owner_), signature, now_ms());
}

bool ClientSignatures::find(std::string_view call_id, std::string &signature)
{
    return store_.find(place_of(call_id, owner_), signature);
}

}
