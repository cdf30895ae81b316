// Configuration as the module keeps it. The structs that nginx's slot setters
// fill are plain; C++ objects hang off them by pointer and die with cf->pool.
#pragma once

#include "core/account/key_file.hpp"
#include "core/front/models.hpp"
#include "core/gemini/generate_request.hpp"
#include "core/keys/clients.hpp"
#include "core/keys/pool.hpp"
#include "core/share/seal.hpp"
#include "core/translate/request.hpp"
#include "nginx/ngx.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace gw::ngx {

struct PoolZone;
struct RedisOptions;

/// What becomes of a request for which no key is usable.
enum class Exhausted : ngx_uint_t { fail, wait, soonest };

struct Target;
struct TlsConf;
struct Destinations;

/// `probe`, and where questions about keys go.
struct ProbeConf {
    ngx_msec_t interval = 0;        // 0: off
    bool on_start = false;
    ngx_msec_t timeout = 10000;
    unsigned fails = 3;
    std::size_t concurrency = 4;
    // Random: a worker that comes later tells a new configuration by it.
    std::uint64_t configuration = 0;

    // Of the first location that passes to the pool; null: none does.
    const Destinations *destinations = nullptr;
};

/// What the tokens of a `service_account` are exchanged for, and where.
struct AccountConf {
    account::ServiceAccount file;
    std::string scope;
    std::string name;               // of the first credential that has it
    std::uint64_t token_id = 0;
    Target *target = nullptr;       // of token_uri
    TlsConf *tls = nullptr;         // with a target of https
};

/// One gemini_keys block.
struct PoolConf {
    ngx_str_t name;
    std::vector<keys::Credential> credentials;      // until the zone is made
    std::unordered_set<std::uint64_t> ids;          // of the credentials
    std::unordered_set<std::string> names;
    keys::PoolOptions options;
    ngx_uint_t tries = 3;
    Exhausted exhausted = Exhausted::fail;
    ngx_msec_t wait = 0;                            // with Exhausted::wait
    std::size_t zone_size = 0;                      // 0: sized for the keys
    RedisOptions *redis = nullptr;                  // null: not shared
    std::string redis_prefix = "gemini:";
    ngx_str_t state{};                              // path; empty: off
    ProbeConf probe;
    std::vector<AccountConf> accounts;
    // Random, as ProbeConf's.
    std::uint64_t configuration = 0;
    // Of the first location that passes to the pool, for other hosts than its
    // own; the defaults where none does.
    bool ssl_verify = true;
    ngx_str_t ssl_trusted_certificate{};
    // Of gemini_secret, which may stand behind the block.
    share::Seal *const *seal = nullptr;
    PoolZone *zone = nullptr;

    // which directives of the block were there, for "is duplicate"
    unsigned has_balance : 1;
    unsigned has_tries : 1;
    unsigned has_exhausted : 1;
    unsigned has_sticky : 1;
    unsigned has_limits : 1;
    unsigned cooldowns_set = 0;                     // bits by FailureClass

    PoolConf() : has_balance(0), has_tries(0), has_exhausted(0), has_sticky(0),
                 has_limits(0)
    {
    }
};

/// One gemini_clients block.
struct ClientsConf {
    ngx_str_t name;
    keys::ClientSet set;
    ngx_shm_zone_t *zone = nullptr;
    keys::LimitRecord *records = nullptr;           // shared
    std::size_t capacity = 0;
};

/// Where a gemini_upstream URL leads: one per distinct URL.
struct Target {
    ngx_str_t url;
    bool tls = false;
    ngx_str_t host;                 // without port
    in_port_t port = 0;             // 0: the scheme's
    ngx_str_t path;                 // "" or "/prefix", no slash at the end
    ngx_str_t host_header;          // set when bound
    ngx_str_t server_name;          // SNI and certificate name
    ngx_http_upstream_srv_conf_t *group = nullptr;  // ours, or the user's
    bool bound = false;
};

/// A TLS context, shared by all locations of the same settings.
struct TlsConf {
    ngx_ssl_t ssl;
    bool verify;
    ngx_str_t trusted_certificate;
};

/// A target as a location reaches it.
struct Destination {
    // Of Vertex AI, what credentials of this place are sent to; empty: all
    // others.
    ngx_str_t location{};
    const Target *target = nullptr;
    TlsConf *tls = nullptr;         // with a target of https
    // The location's own, but for TLS.
    ngx_http_upstream_conf_t upstream{};

    // a private copy of the upstream group with our peer.init, made at the
    // first request of a worker, when every module has had its say
    ngx_http_upstream_srv_conf_t *wrapped = nullptr;
};

/// Where a location sends its requests: each try goes where the API and the
/// place of its credential are.
struct Destinations {
    std::vector<Destination> list;  // the first is everybody's who has no own

    const Destination &of(const keys::Credential &credential) const;
    Destination &of(const keys::Credential &credential);
};

struct MainConf {
    void *http_ctx;                 // cf->ctx of http{}
    std::vector<PoolConf *> *pools;
    std::vector<ClientsConf *> *clients;
    std::vector<Target *> *targets;
    std::vector<TlsConf *> *tls;
    ngx_int_t request_id_index;     // of $request_id
    share::Seal *seal;              // of gemini_secret; null: none
};

/// Whether a location of the server has gemini_pass, _status or _admin.
struct ServerConf {
    bool serves;
};

enum class StatusForm : ngx_uint_t { none, health, json, metrics };

/// A gemini_model line.
struct ModelAlias {
    ngx_str_t from;                 // a name or a glob
    ngx_str_t to;
};

/// Values of LocationConf::auth.
constexpr ngx_uint_t auth_off = 0;
constexpr ngx_uint_t auth_clients = 1;

struct LocationConf {
    ngx_http_upstream_conf_t upstream;

    // only where the directive stands; never inherited
    ngx_str_t pool_name;            // gemini_pass
    PoolConf *pool;
    bool native;                    // Gemini's own API, not OpenAI's
    ngx_str_t status_pool_name;     // gemini_status
    PoolConf *status_pool;
    StatusForm status_form;
    ngx_str_t admin_pool_name;      // gemini_admin
    PoolConf *admin_pool;
    ngx_str_t prefix;               // of the paths: the location's name

    ngx_uint_t auth;
    bool auth_here;                 // gemini_auth stands in this very place
    ngx_str_t clients_name;
    ClientsConf *clients;
    keys::Limits *ip_limits;
    Target *target;                 // gemini_upstream
    Destinations *destinations;     // set where pool is
    ngx_array_t *aliases;           // ModelAlias
    front::Alias *listed_aliases;   // those that are plain names
    std::size_t listed_alias_count;
    ngx_array_t *fallbacks;         // ngx_str_t: models, in order
    ngx_msec_t models_cache;
    gemini::SafetySetting *safety;
    std::size_t safety_count;
    ngx_uint_t thoughts;
    ngx_msec_t head_timeout;
    std::size_t max_response;
    ngx_flag_t ssl_verify;
    ngx_str_t ssl_trusted_certificate;

    bool serves() const { return pool != nullptr; }

    /// Whether its requests are answered by this module.
    bool ours() const
    {
        return serves() || status_form != StatusForm::none
            || admin_pool != nullptr;
    }
};

/// The module's configuration for the request's location.
inline LocationConf *location_conf(ngx_http_request_t *r)
{
    return static_cast<LocationConf *>(
        ngx_http_get_module_loc_conf(r, ngx_http_gemini_module));
}

inline MainConf *main_conf(ngx_http_request_t *r)
{
    return static_cast<MainConf *>(
        ngx_http_get_module_main_conf(r, ngx_http_gemini_module));
}

// conf_location.cpp
void *create_main_conf(ngx_conf_t *cf);
void *create_server_conf(ngx_conf_t *cf);
void *create_location_conf(ngx_conf_t *cf);
ngx_int_t check_pools(ngx_conf_t *cf);
char *merge_location_conf(ngx_conf_t *cf, void *parent, void *child);

// conf_setters.cpp
char *set_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_ip_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_model(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_fallback(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_admin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_thoughts(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_safety(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

// conf_keys.cpp, conf_clients.cpp
char *set_keys(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_clients(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

// conf_upstream.cpp
char *set_upstream(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/// Makes the group of a target that some location may lead to: only while
/// http{} is read. Finds one that is made at any time. null: neither.
Target *add_target(ngx_conf_t *cf, std::string_view url,
    std::string &problem);
Target *default_target(ngx_conf_t *cf);
Target *vertex_target(ngx_conf_t *cf, std::string_view location);
ngx_int_t bind_target(ngx_conf_t *cf, Target *target);
TlsConf *tls_for(ngx_conf_t *cf, bool verify, const ngx_str_t &trusted);

}
