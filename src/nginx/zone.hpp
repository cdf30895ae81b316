// The shared zones: made at configuration, kept over a reload, grown without
// losing what they know.
#pragma once

#include "core/keys/pool.hpp"
#include "core/keys/signature_cache.hpp"
#include "core/keys/window.hpp"
#include "nginx/conf.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::ngx {

/// How the link to Redis stands, for status and metrics; shared.
struct LinkReport {
    keys::Word up;                  // 1: connected and in step
    keys::Word since_ms;            // when that last changed; 0: never
    keys::Word losses;              // connections lost
    keys::Word sent;                // messages
    keys::Word received;
};

/// What the writers of the state file know of each other; shared.
struct StateReport {
    keys::Word written;             // digest of what is in the file; 0: not
                                    // known
    keys::Word told;                // digest of what the log says of it
};

/// Held while the table of added keys is written. The slab's mutex: the master
/// frees it when a worker dies with it.
class ZoneLock {
public:
    explicit ZoneLock(ngx_shm_zone_t *zone);
    ~ZoneLock();

    ZoneLock(const ZoneLock &) = delete;
    ZoneLock &operator=(const ZoneLock &) = delete;

private:
    ngx_slab_pool_t *slab_;
};

/// One pool's zone as this process sees it.
struct PoolZone {
    /// Of thought signatures; shared.
    keys::SignatureCache signatures() const;

    // Shared words of the whole host; zone.cpp has them in its root.
    keys::Word &link_lease() const;         // of redis_link.cpp
    keys::Word &state_lease() const;        // of state_file.cpp
    keys::Word &probe_lease() const;        // of probe.cpp
    /// The configuration whose first round of probes has begun.
    keys::Word &probed_configuration() const;
    keys::Word &token_lease() const;        // of token_keeper.cpp
    /// The configuration whose accounts have been looked at.
    keys::Word &token_configuration() const;
    LinkReport &link_report() const;
    StateReport &state_report() const;
    /// Random, made with the zone: this host among those that share the pool.
    std::uint64_t host_id() const;

    ngx_shm_zone_t *shm = nullptr;
    keys::Layout layout{};
    std::size_t signature_bytes = 0;
    keys::Pool pool;
    struct Shared *shared = nullptr;    // root of what lies in the zone
    const PoolConf *conf = nullptr;     // of the configuration it belongs to

    PoolZone(std::vector<keys::Credential> credentials,
        const keys::PoolOptions &options)
        : pool(std::move(credentials), options)
    {
    }

    PoolZone(const PoolZone &) = delete;
    PoolZone &operator=(const PoolZone &) = delete;

    /// Wipes the secrets.
    ~PoolZone();
};

/// Registers the zone of a block that has been read. NGX_OK, or NGX_ERROR
/// after logging.
ngx_int_t add_pool_zone(ngx_conf_t *cf, PoolConf *pool);
ngx_int_t add_clients_zone(ngx_conf_t *cf, ClientsConf *clients);

/// Called when a worker begins and ends. A new one that takes the place of one
/// that died forgets the tries which that one left open.
void enter_worker(ngx_cycle_t *cycle);
void leave_worker(ngx_cycle_t *cycle);

/// The pools of a cycle, for those who run beside requests. Empty outside of
/// workers.
std::vector<PoolConf *> pools_of(ngx_cycle_t *cycle);

/// The list of models that was fetched last, for all workers. source tells
/// one upstream from another.
struct KeptModels {
    std::string text;
    std::int64_t fetched_ms;
};

std::optional<KeptModels> kept_models(PoolZone &zone, std::uint64_t source);

/// Replaces it. Without room the old one stays; that is logged.
void keep_models(PoolZone &zone, std::uint64_t source, std::string_view text,
    std::int64_t now_ms, ngx_log_t *log);

}
