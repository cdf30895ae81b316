#include "nginx/zone.hpp"

#include "core/base/text.hpp"
#include "nginx/conf_block.hpp"
#include "nginx/glue.hpp"
#include "nginx/log.hpp"
#include "nginx/state_file.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace gw::ngx {

// Beyond it a crash leaves tries counted.
constexpr std::size_t max_workers = 256;

/// The zone's root: shpool->data points here. The formatted memory follows the
/// layout that is recorded in its own header; the list of models is the one
/// thing that comes and goes, under the slab's mutex, which the master frees
/// when a worker dies with it.
struct Shared {
    void *memory;
    keys::Layout layout;
    void *signatures;
    std::size_t signature_bytes;

    // The process that is worker i of the newest configuration; 0: none.
    keys::Word workers[max_workers];

    std::uint64_t host_id;
    keys::Word link_lease;
    keys::Word state_lease;
    keys::Word probe_lease;
    keys::Word probed_configuration;
    keys::Word token_lease;
    keys::Word token_configuration;
    StateReport state;
    LinkReport link;

    u_char *models;
    std::size_t models_size;
    std::uint64_t models_source;
    std::int64_t models_fetched_ms;
};

namespace {

/// The root of a gemini_clients zone.
struct ClientsShared {
    keys::LimitRecord *records;
    std::size_t capacity;
};

// Beside the records: the slab's own pages, and the list of models.
constexpr std::size_t slab_reserve = 64 * 1024;
constexpr std::size_t models_reserve = 512 * 1024;
constexpr std::size_t max_kept_models = models_reserve / 2;

// Thousands of signatures; of a zone whose size was given, an eighth.
constexpr std::size_t usual_signatures = 8 * 1024 * 1024;
constexpr std::size_t signature_share = 8;

struct ZonePlan {
    keys::Layout layout;
    std::size_t signature_bytes;
};

std::size_t zone_bytes(const ZonePlan &plan)
{
    std::size_t bytes = plan.layout.bytes() + plan.signature_bytes;

    // One slab page descriptor per page.
    bytes += bytes / ngx_pagesize * sizeof(ngx_slab_page_t);

    return ngx_align(bytes + slab_reserve + models_reserve, ngx_pagesize);
}

/// What goes into a zone of a given size: the keys first. A layout without
/// capacity: nothing does.
ZonePlan plan_within(std::size_t size, std::size_t keys,
    std::size_t accounts)
{
    ZonePlan none{keys::Layout{}, 0};
    // Slab pages and their descriptors, and the list of models.
    std::size_t other = slab_reserve + models_reserve + ngx_pagesize
        + size / ngx_pagesize * sizeof(ngx_slab_page_t);

    if (size <= other) {
        return none;
    }

    std::size_t room = size - other;
    std::size_t signatures = std::min(room / signature_share / 64 * 64,
        usual_signatures);
    // Page descriptors for the signatures too, rounded generously.
    std::size_t taken = signatures + signatures / 64;
    keys::Layout layout = keys::Layout::within(room - taken, keys, accounts);

    if (layout.key_capacity == 0) {
        signatures = 0;
        layout = keys::Layout::within(room, keys, accounts);
    }

    return {layout, signatures};
}

ngx_shm_zone_t *add_zone(ngx_conf_t *cf, const char *kind,
    const ngx_str_t &name, std::size_t size)
{
    std::string full = std::string(kind) + ":" + std::string(view(name));
    ngx_str_t shm_name = copy(cf->pool, full);

    if (shm_name.data == nullptr) {
        return nullptr;
    }

    return ngx_shared_memory_add(cf, &shm_name, size,
        &ngx_http_gemini_module);
}

/// What the zone of the same name holds in the configuration that is being
/// replaced, when its size differs and nginx so has made a new one; nullptr:
/// there is none.
template <typename T>
T *former_data(ngx_shm_zone_t *zone)
{
    auto *cycle = const_cast<ngx_cycle_t *>(ngx_cycle);

    if (cycle == nullptr || cycle->shared_memory.part.elts == nullptr) {
        return nullptr;
    }

    for (ngx_list_part_t *part = &cycle->shared_memory.part; part != nullptr;
         part = part->next)
    {
        auto *zones = static_cast<ngx_shm_zone_t *>(part->elts);

        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            ngx_shm_zone_t &former = zones[i];

            if (former.tag == zone->tag && former.shm.addr != nullptr
                && former.shm.addr != zone->shm.addr
                && view(former.shm.name) == view(zone->shm.name))
            {
                return static_cast<T *>(reinterpret_cast<ngx_slab_pool_t *>(
                    former.shm.addr)->data);
            }
        }
    }

    return nullptr;
}

void set_log_context(ngx_slab_pool_t *slab, const ngx_str_t &name)
{
    constexpr std::string_view prefix = " in gemini zone \"";

    std::size_t size = prefix.size() + name.len + 2;
    auto *text = static_cast<u_char *>(ngx_slab_alloc(slab, size));

    if (text != nullptr) {
        ngx_sprintf(text, "%*s%V\"%Z", GW_LOG(prefix), &name);
        slab->log_ctx = text;
    }
}

std::uint64_t random_id()
{
    std::uint64_t id = 0;

    if (RAND_bytes(reinterpret_cast<unsigned char *>(&id), sizeof(id)) != 1) {
        id = static_cast<std::uint64_t>(ngx_random()) << 32
             ^ static_cast<std::uint64_t>(ngx_random())
             ^ static_cast<std::uint64_t>(ngx_pid) << 16;
    }

    return id != 0 ? id : 1;
}

/// Pages nobody has touched are zero, and stay without memory behind them until
/// somebody does. Only nginx's own debugging fills them before.
void clear_fresh([[maybe_unused]] void *memory,
    [[maybe_unused]] std::size_t size)
{
#if (NGX_DEBUG_MALLOC)
    std::memset(memory, 0, size);
#endif
}

ngx_int_t format_zone(ngx_shm_zone_t *zone, PoolZone &mine)
{
    auto *slab = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);

    auto *shared = static_cast<Shared *>(
        ngx_slab_calloc(slab, sizeof(Shared)));
    void *memory = ngx_slab_alloc(slab, mine.layout.bytes());

    // Of no bytes the slab would make some.
    void *signatures = ngx_slab_alloc(slab,
        mine.signature_bytes != 0 ? mine.signature_bytes : 64);

    if (shared == nullptr || memory == nullptr || signatures == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
            "gemini: zone \"%V\" of %uz bytes is too small", &zone->shm.name,
            zone->shm.size);
        return NGX_ERROR;
    }

    clear_fresh(memory, mine.layout.bytes());
    clear_fresh(signatures, mine.signature_bytes);
    keys::Pool::format(memory, mine.layout);

    shared->memory = memory;
    shared->signatures = signatures;
    shared->signature_bytes = mine.signature_bytes;
    shared->layout = mine.layout;
    shared->host_id = random_id();
    slab->data = shared;
    set_log_context(slab, zone->shm.name);

    if (auto *known = former_data<Shared>(zone)) {
        if (keys::Pool::formatted(known->memory, known->layout)) {
            keys::Pool::migrate(memory, known->memory);
            keys::SignatureCache(signatures, shared->signature_bytes)
                .copy_from({known->signatures, known->signature_bytes});
            shared->host_id = known->host_id;
        }
    }

    return NGX_OK;
}

/// Under the lock: a worker of the old configuration may be adding a key.
bool adopt(PoolZone &zone)
{
    ZoneLock lock(zone.shm);
    return zone.pool.adopt(zone.shared->memory);
}

ngx_int_t init_pool_zone(ngx_shm_zone_t *zone, void *)
{
    return guarded(zone->shm.log, ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        auto &mine = *static_cast<PoolZone *>(zone->data);
        auto *slab = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);

        // Of the same size: nginx has handed the old memory on.
        bool fresh = slab->data == nullptr;

        if (fresh && format_zone(zone, mine) != NGX_OK) {
            return NGX_ERROR;
        }

        mine.shared = static_cast<Shared *>(slab->data);
        mine.layout = mine.shared->layout;

        if (!keys::Pool::formatted(mine.shared->memory, mine.layout)
            || !adopt(mine))
        {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                "gemini: zone \"%V\" has no room for %uz keys, %uz of them "
                "service accounts", &zone->shm.name,
                mine.pool.credentials().size(), mine.conf->accounts.size());
            return NGX_ERROR;
        }

        if (fresh && mine.conf->state.len != 0) {
            read_state_file(mine, zone->shm.log);
        }

        return NGX_OK;
    });
}

ngx_int_t init_clients_zone(ngx_shm_zone_t *zone, void *)
{
    return guarded(zone->shm.log, ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        auto *clients = static_cast<ClientsConf *>(zone->data);
        auto *slab = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);

        if (slab->data == nullptr) {
            std::size_t size = clients->capacity * sizeof(keys::LimitRecord);
            auto *shared = static_cast<ClientsShared *>(
                ngx_slab_calloc(slab, sizeof(ClientsShared)));
            void *records = ngx_slab_alloc(slab, size);

            if (shared == nullptr || records == nullptr) {
                ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                    "gemini: zone \"%V\" is too small", &zone->shm.name);
                return NGX_ERROR;
            }

            std::memset(records, 0, size);
            shared->records = static_cast<keys::LimitRecord *>(records);
            shared->capacity = clients->capacity;
            slab->data = shared;
            set_log_context(slab, zone->shm.name);

            if (auto *known = former_data<ClientsShared>(zone)) {
                keys::LimitTable(shared->records, shared->capacity).copy_from(
                    keys::LimitTable(known->records, known->capacity));
            }
        }

        clients->records = static_cast<ClientsShared *>(slab->data)->records;
        return NGX_OK;
    });
}

}

std::vector<PoolConf *> pools_of(ngx_cycle_t *cycle)
{
    // The cache manager and loader are no workers.
    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return {};
    }

    auto *mcf = static_cast<MainConf *>(
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_gemini_module));

    return mcf != nullptr ? *mcf->pools : std::vector<PoolConf *>();
}

ZoneLock::ZoneLock(ngx_shm_zone_t *zone)
    : slab_(reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr))
{
    ngx_shmtx_lock(&slab_->mutex);
}

ZoneLock::~ZoneLock()
{
    ngx_shmtx_unlock(&slab_->mutex);
}

keys::Word &PoolZone::link_lease() const
{
    return shared->link_lease;
}

keys::Word &PoolZone::state_lease() const
{
    return shared->state_lease;
}

keys::Word &PoolZone::probe_lease() const
{
    return shared->probe_lease;
}

keys::Word &PoolZone::probed_configuration() const
{
    return shared->probed_configuration;
}

keys::Word &PoolZone::token_lease() const
{
    return shared->token_lease;
}

keys::Word &PoolZone::token_configuration() const
{
    return shared->token_configuration;
}

LinkReport &PoolZone::link_report() const
{
    return shared->link;
}

StateReport &PoolZone::state_report() const
{
    return shared->state;
}

std::uint64_t PoolZone::host_id() const
{
    return shared->host_id;
}

keys::SignatureCache PoolZone::signatures() const
{
    return {shared->signatures, shared->signature_bytes};
}

PoolZone::~PoolZone()
{
    for (const keys::Credential &credential : pool.credentials()) {
        OPENSSL_cleanse(const_cast<char *>(credential.secret.data()),
            credential.secret.size());
    }
}

ngx_int_t add_pool_zone(ngx_conf_t *cf, PoolConf *pool)
{
    std::size_t count = pool->credentials.size();
    std::size_t accounts = pool->accounts.size();
    ZonePlan plan{keys::Layout::for_keys(count, accounts), usual_signatures};

    if (pool->zone_size != 0) {
        plan = plan_within(pool->zone_size, count, accounts);

        if (plan.layout.key_capacity == 0) {
            conf_error(cf, "invalid value \"" + std::to_string(
                pool->zone_size) + "\" in \"zone\": it is too small for "
                + std::to_string(count) + " keys");
            return NGX_ERROR;
        }
    }

    auto *zone = make<PoolZone>(cf->pool, std::move(pool->credentials),
        pool->options);

    if (zone == nullptr) {
        return NGX_ERROR;
    }

    zone->conf = pool;
    zone->layout = plan.layout;
    zone->signature_bytes = plan.signature_bytes;
    zone->shm = add_zone(cf, "gemini_keys", pool->name,
        pool->zone_size != 0 ? pool->zone_size : zone_bytes(plan));

    if (zone->shm == nullptr) {
        return NGX_ERROR;
    }

    zone->shm->init = init_pool_zone;
    zone->shm->data = zone;
    pool->zone = zone;

    return NGX_OK;
}

ngx_int_t add_clients_zone(ngx_conf_t *cf, ClientsConf *clients)
{
    clients->capacity = 64;

    while (clients->capacity < clients->set.size() * 2) {
        clients->capacity *= 2;
    }

    std::size_t size = clients->capacity * sizeof(keys::LimitRecord);
    size += size / ngx_pagesize * sizeof(ngx_slab_page_t) + slab_reserve;

    clients->zone = add_zone(cf, "gemini_clients", clients->name,
        ngx_align(size, ngx_pagesize));

    if (clients->zone == nullptr) {
        return NGX_ERROR;
    }

    clients->zone->init = init_clients_zone;
    clients->zone->data = clients;

    return NGX_OK;
}

std::optional<KeptModels> kept_models(PoolZone &zone, std::uint64_t source)
{
    auto *slab = reinterpret_cast<ngx_slab_pool_t *>(zone.shm->shm.addr);
    Shared &shared = *zone.shared;

    // Room is made before the lock is taken. A list that another worker has
    // just made longer counts as not there.
    KeptModels kept{std::string(shared.models_size, '\0'), 0};
    bool found = false;

    ngx_shmtx_lock(&slab->mutex);

    if (shared.models != nullptr && shared.models_source == source
        && shared.models_size <= kept.text.size())
    {
        std::memcpy(kept.text.data(), shared.models, shared.models_size);
        kept.text.resize(shared.models_size);
        kept.fetched_ms = shared.models_fetched_ms;
        found = true;
    }

    ngx_shmtx_unlock(&slab->mutex);

    if (!found) {
        return std::nullopt;
    }

    return kept;
}

void keep_models(PoolZone &zone, std::uint64_t source, std::string_view text,
    std::int64_t now_ms, ngx_log_t *log)
{
    auto *slab = reinterpret_cast<ngx_slab_pool_t *>(zone.shm->shm.addr);
    Shared &shared = *zone.shared;
    bool kept = false;

    if (text.size() <= max_kept_models) {
        ngx_shmtx_lock(&slab->mutex);

        auto *memory = static_cast<u_char *>(
            ngx_slab_alloc_locked(slab, text.size()));

        if (memory != nullptr) {
            std::memcpy(memory, text.data(), text.size());

            // In this order: a worker that dies on the way leaves no list,
            // not a broken one.
            u_char *former = shared.models;
            shared.models = nullptr;
            shared.models_size = text.size();
            shared.models_source = source;
            shared.models_fetched_ms = now_ms;
            shared.models = memory;

            if (former != nullptr) {
                ngx_slab_free_locked(slab, former);
            }

            kept = true;
        }

        ngx_shmtx_unlock(&slab->mutex);
    }

    if (!kept) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
            "gemini: zone \"%V\" has no room for the list of models, "
            "it is fetched each time", &zone.shm->shm.name);
    }
}

void enter_worker(ngx_cycle_t *cycle)
{
    for (PoolConf *pool : pools_of(cycle)) {
        PoolZone &zone = *pool->zone;
        keys::Word &place = zone.shared->workers[ngx_worker % max_workers];
        auto former = static_cast<ngx_pid_t>(place.load());

        // The master reaps a worker before it starts another in its place.
        if (former != 0 && former != ngx_pid && kill(former, 0) == -1
            && ngx_errno == ESRCH)
        {
            zone.pool.forget_tries();
        }

        place.store(static_cast<std::uint64_t>(ngx_pid));
    }
}

void leave_worker(ngx_cycle_t *cycle)
{
    for (PoolConf *pool : pools_of(cycle)) {
        auto mine = static_cast<std::uint64_t>(ngx_pid);

        // Not when the worker of a newer configuration stands there.
        pool->zone->shared->workers[ngx_worker % max_workers]
            .compare_exchange_strong(mine, 0);
    }
}

}
