#include "nginx/redis_target.hpp"

#include <algorithm>
#include <utility>

namespace gw::ngx {

RedisTarget::RedisTarget(const RedisOptions &options, ngx_log_t *log)
    : options_(options), log_(log)
{
}

void RedisTarget::find(std::function<void(const RedisPeer *)> found,
    std::function<void(std::string_view reason)> failed)
{
    if (pointed_) {
        peer_ = pointed_;

    } else if (!options_.url.master.empty()) {
        peer_.reset();
        search_ = std::make_unique<SentinelSearch>(options_, log_,
            [this, found = std::move(found), failed = std::move(failed)](
                const RedisPeer *master) {
                if (master == nullptr) {
                    failed("no sentinel knows the master");
                    return;
                }

                peer_ = *master;
                found(&*peer_);
            });
        search_->start();

        return;

    } else if (!options_.peers.empty()) {
        peer_ = options_.peers[next_++ % options_.peers.size()];
    }

    found(peer_ ? &*peer_ : nullptr);
}

void RedisTarget::bad()
{
    pointed_.reset();
    redirects_ = 0;
}

std::string_view RedisTarget::redirect(std::string_view error)
{
    share::RedisAddress address;
    RedisPeer peer;

    if (!share::parse_moved(error, address)) {
        return "unreadable redirect";
    }

    if (address.host.empty() && peer_) {
        // The same host, at another port.
        peer = *peer_;
        ngx_inet_set_port(reinterpret_cast<sockaddr *>(&peer.address),
            address.port);
        peer.name.resize(std::min(peer.name.rfind(':'), peer.name.size()));
        peer.name += ":" + std::to_string(address.port);

    } else if (!peer_of(address, peer)) {
        return "redirected to what is no address";
    }

    if (++redirects_ > most_redirects) {
        return "redirected again and again";
    }

    pointed_ = std::move(peer);
    return {};
}

}
