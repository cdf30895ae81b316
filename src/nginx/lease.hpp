// One worker of a host does what only one may do (the link to Redis, the state
// file): it holds a lease in the zone, which runs out when it dies.
#pragma once

#include "core/keys/record.hpp"
#include "nginx/ngx.hpp"

#include <cstdint>

namespace gw::ngx {

/// (until in ms / 16, pid) in one word. Uses ngx_current_msec, which all
/// workers of a host share.
class Lease {
public:
    static constexpr ngx_msec_t lasts = 1000;

    explicit Lease(keys::Word &word) : word_(word) {}

    /// Takes it, or holds it for longer; call every lasts / 4 at least. false:
    /// another worker has it, or this one is on its way out (ngx_exiting).
    bool hold();

    bool mine() const;

    /// Another may take it at once.
    void release();

private:
    keys::Word &word_;
};

}
