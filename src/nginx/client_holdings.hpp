// What of the pool's projects one client is shown in its lists.
#pragma once

#include "core/front/front.hpp"
#include "nginx/zone.hpp"

#include <cstdint>
#include <string_view>

namespace gw::ngx {

class ClientHoldings final : public front::Holdings {
public:
    /// client: 0: all there is, whosever it is.
    ClientHoldings(PoolZone &zone, std::uint64_t client);

    /// Of two projects that list the same name the one counts that is known
    /// to have it; one that is not known yet becomes so.
    bool shows(std::string_view name, std::uint64_t project,
        std::int64_t expires_ms) override;

private:
    bool has_project(std::uint64_t project) const;

    keys::Pool &pool_;
    std::uint64_t client_;
};

}
