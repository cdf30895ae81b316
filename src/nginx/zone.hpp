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

namespace gw::ngx {

/// One pool's zone as this process sees it.
struct PoolZone {
    /// Of thought signatures; shared.
    keys::SignatureCache signatures() const;

    ngx_shm_zone_t *shm = nullptr;
    keys::Layout layout{};
    std::size_t signature_bytes = 0;
    keys::Pool pool;
    struct Shared *shared = nullptr;    // root of what lies in the zone

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
