// The zone's store of thought signatures as one client sees it.
#pragma once

#include "core/front/front.hpp"
#include "nginx/zone.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace gw::ngx {

class ClientSignatures final : public front::Signatures {
public:
    /// owner: the client's identity; 0 where nobody is asked who they are.
    ClientSignatures(PoolZone &zone, std::uint64_t owner)
        : pool_(zone.pool), store_(zone.signatures()), owner_(owner),
          shared_(zone.conf->redis != nullptr)
    {
    }

    void keep(std::string_view call_id, std::string_view signature) override;
    bool find(std::string_view call_id, std::string &signature) override;

private:
    keys::Pool &pool_;
    keys::SignatureCache store_;
    std::uint64_t owner_;
    bool shared_;               // other hosts are to hear of it
};

}
