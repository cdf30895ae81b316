#include "nginx/client_holdings.hpp"

#include "core/gemini/resource_names.hpp"
#include "nginx/glue.hpp"

namespace gw::ngx {

ClientHoldings::ClientHoldings(PoolZone &zone, std::uint64_t client)
    : pool_(zone.pool), client_(client)
{
}

bool ClientHoldings::shows(std::string_view name, std::uint64_t project,
    std::int64_t expires_ms)
{
    std::int64_t now = now_ms();
    std::uint64_t id = keys::resource_id(name);
    auto known = pool_.resources().find(id, now);

    if (client_ != 0) {
        return known && known->client == client_ && known->project == project;
    }

    if (known) {
        // Two keys of one project that are not known to be so list the same.
        return known->project == project || !has_project(known->project);
    }

    keys::Resource resource;
    resource.id = id;
    resource.project = project;
    resource.when_ms = keys::Resource::guessed_at(now);
    resource.expires_ms = expires_ms != 0
        ? expires_ms : now + gemini::usual_life_ms(name);
    (void) pool_.keep_resource(resource, true, now);

    return true;
}

/// Whether the list comes to that project too.
bool ClientHoldings::has_project(std::uint64_t project) const
{
    for (const keys::Credential &credential : pool_.credentials()) {
        if (credential.usable() && credential.project_id == project
            && credential.api == gemini::Api::gemini)
        {
            return true;
        }
    }

    return false;
}

}
