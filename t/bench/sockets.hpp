// Sockets and time for the mock upstream and the load of the benchmark: both
// are one thread around one epoll, on loopback, and give up on what a healthy
// machine does not do.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>

namespace gw::bench {

[[noreturn]] inline void give_up(const char *what)
{
    std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

inline std::int64_t now_us()
{
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);

    return time.tv_sec * std::int64_t{1000000} + time.tv_nsec / 1000;
}

inline std::string content_of(const char *path)
{
    std::ifstream file(path, std::ios::binary);

    if (!file) {
        give_up(path);
    }

    return {std::istreambuf_iterator<char>(file), {}};
}

inline sockaddr_in loopback(int port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    return address;
}

inline void send_at_once(int socket)
{
    int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

inline int listen_on(int port)
{
    sockaddr_in address = loopback(port);
    int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int on = 1;

    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));

    if (::bind(socket, reinterpret_cast<sockaddr *>(&address),
            sizeof(address)) != 0
        || ::listen(socket, 4096) != 0)
    {
        give_up("listen");
    }

    return socket;
}

/// Waits for the connection, which on loopback is there at once.
inline int connect_to(int port)
{
    sockaddr_in address = loopback(port);
    int socket = ::socket(AF_INET, SOCK_STREAM, 0);

    if (socket < 0
        || ::connect(socket, reinterpret_cast<sockaddr *>(&address),
               sizeof(address)) != 0)
    {
        give_up("connect");
    }

    send_at_once(socket);

    return socket;
}

class Poll {
public:
    static constexpr int most = 512;

    Poll() : epoll_(::epoll_create1(0))
    {
        if (epoll_ < 0) {
            give_up("epoll_create1");
        }
    }

    /// What an event of this socket is known by is its number.
    void add(int socket, std::uint32_t events)
    {
        control(EPOLL_CTL_ADD, socket, events);
    }

    void change(int socket, std::uint32_t events)
    {
        control(EPOLL_CTL_MOD, socket, events);
    }

    /// How many of events() happened; -1 ms is forever.
    int wait(int timeout_ms)
    {
        int count = ::epoll_wait(epoll_, events_, most, timeout_ms);

        if (count < 0 && errno != EINTR) {
            give_up("epoll_wait");
        }

        return count < 0 ? 0 : count;
    }

    const epoll_event &event(int i) const { return events_[i]; }

private:
    void control(int how, int socket, std::uint32_t events)
    {
        epoll_event event{};
        event.events = events;
        event.data.fd = socket;

        if (::epoll_ctl(epoll_, how, socket, &event) != 0) {
            give_up("epoll_ctl");
        }
    }

    int epoll_;
    epoll_event events_[most] = {};
};

}
