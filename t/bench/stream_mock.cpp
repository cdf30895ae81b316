// Plays Gemini for the benchmark, cheaply enough to share a core with what
// asks: answers are made once, at the start.
//
//   stream_mock WHOLE EVENTS PORT:GAP_US:BURST...
//
// :generateContent gets the file WHOLE, :streamGenerateContent the events of
// the file EVENTS: the first at once, then every GAP_US microseconds BURST
// more, each burst a chunk of its own; with a gap of 0 all of them in one.
// Each port has its own pace.  GET tells how long the body of the last other
// request was.
#include "mock_answers.hpp"
#include "sockets.hpp"

#include <sys/timerfd.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

namespace {

using namespace gw::bench;

constexpr std::size_t longest_head = 64 * 1024;

struct Connection {
    std::size_t pace = 0;       // which of them
    std::uint64_t serial = 0;   // a socket's number comes back, this does not
    std::size_t next = 0;       // of the pieces
    std::size_t body_left = 0;
    bool streams = false;
    bool is_get = false;
    std::string head;           // until it is whole
    std::string unsent;         // what the socket did not take
};

struct Due {
    std::int64_t time_us;
    int socket;
    std::uint64_t serial;
};

struct Port {
    Pace pace;
    int socket = -1;
    std::vector<std::string> pieces;
    /// In order, as every wait of this port is equally long.
    std::deque<Due> due;
};

class Mock {
public:
    Mock(const std::string &whole, const std::vector<std::string> &events,
        const std::vector<Pace> &paces)
        : whole_(with_length(whole)),
          timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK))
    {
        for (const Pace &pace : paces) {
            Port port;
            port.pace = pace;
            port.socket = listen_on(pace.port);
            port.pieces = pieces_of(events, pace);
            poll_.add(port.socket, EPOLLIN);
            ports_.push_back(std::move(port));
        }

        poll_.add(timer_, EPOLLIN);
    }

    [[noreturn]] void run()
    {
        for (;;) {
            int count = poll_.wait(-1);

            for (int i = 0; i < count; ++i) {
                happened(poll_.event(i));
            }

            send_what_is_due();
            arm();
        }
    }

private:
    void happened(const epoll_event &event)
    {
        int socket = event.data.fd;

        if (socket == timer_) {
            std::uint64_t expired = 0;
            (void) !::read(timer_, &expired, sizeof(expired));
            armed_us_ = 0;
            return;
        }

        for (std::size_t i = 0; i < ports_.size(); ++i) {
            if (ports_[i].socket == socket) {
                accept_from(i);
                return;
            }
        }

        if ((event.events & EPOLLOUT) != 0) {
            std::string unsent = std::move(connections_[socket]->unsent);
            connections_[socket]->unsent.clear();
            poll_.change(socket, EPOLLIN);
            send(socket, unsent);
            return;
        }

        receive(socket);
    }

    void accept_from(std::size_t pace)
    {
        for (;;) {
            int socket = ::accept4(ports_[pace].socket, nullptr, nullptr,
                SOCK_NONBLOCK);

            if (socket < 0) {
                if (errno == EAGAIN || errno == ECONNABORTED) {
                    return;
                }

                give_up("accept4");
            }

            send_at_once(socket);

            if (connections_.size() <= static_cast<std::size_t>(socket)) {
                connections_.resize(static_cast<std::size_t>(socket) + 1);
            }

            auto connection = std::make_unique<Connection>();
            connection->pace = pace;
            connection->serial = ++serial_;
            connections_[socket] = std::move(connection);
            poll_.add(socket, EPOLLIN);
        }
    }

    void receive(int socket)
    {
        ssize_t size = ::recv(socket, buffer_, sizeof(buffer_), 0);

        if (size <= 0) {
            if (size < 0 && errno == EAGAIN) {
                return;
            }

            leave(socket);
            return;
        }

        Connection &connection = *connections_[socket];
        std::string_view data(buffer_, static_cast<std::size_t>(size));

        if (connection.body_left == 0) {
            connection.head += data;
            std::size_t end = connection.head.find("\r\n\r\n");

            if (end == std::string::npos) {
                if (connection.head.size() > longest_head) {
                    leave(socket);
                }

                return;
            }

            data.remove_prefix(data.size()
                - (connection.head.size() - end - 4));
            connection.head.resize(end + 2);
            read_head(connection);
        }

        connection.body_left -= std::min(connection.body_left, data.size());

        if (connection.body_left == 0) {
            connection.head.clear();
            answer(socket);
        }
    }

    void read_head(Connection &connection)
    {
        const std::string &head = connection.head;
        std::string_view line(head.data(), head.find("\r\n"));

        connection.is_get = line.substr(0, 4) == "GET ";
        connection.streams =
            line.find(":streamGenerateContent") != std::string_view::npos;

        static constexpr char name[] = "\r\ncontent-length:";
        const char *length = ::strcasestr(head.c_str(), name);

        connection.body_left = length == nullptr
            ? 0 : std::strtoul(length + sizeof(name) - 1, nullptr, 10);

        if (!connection.is_get) {
            last_body_ = connection.body_left;
        }
    }

    void answer(int socket)
    {
        Connection &connection = *connections_[socket];

        if (connection.is_get) {
            send(socket, with_length(std::to_string(last_body_)));
            return;
        }

        if (!connection.streams) {
            send(socket, whole_);
            return;
        }

        connection.next = 0;
        send_next(socket);
    }

    /// The next piece; and what comes after it is due a gap later.
    void send_next(int socket)
    {
        Connection &connection = *connections_[socket];
        Port &port = ports_[connection.pace];
        const std::string &piece = port.pieces[connection.next++];

        if (connection.next < port.pieces.size()) {
            port.due.push_back({now_us() + port.pace.gap_us, socket,
                connection.serial});
        }

        send(socket, piece);
    }

    void send_what_is_due()
    {
        for (Port &port : ports_) {
            std::int64_t now = now_us();

            while (!port.due.empty() && port.due.front().time_us <= now) {
                Due due = port.due.front();
                port.due.pop_front();

                const auto &connection = connections_[due.socket];

                if (connection != nullptr
                    && connection->serial == due.serial)
                {
                    send_next(due.socket);
                }
            }
        }
    }

    void arm()
    {
        std::int64_t next = 0;

        for (const Port &port : ports_) {
            if (!port.due.empty()
                && (next == 0 || port.due.front().time_us < next))
            {
                next = port.due.front().time_us;
            }
        }

        if (next == 0 || next == armed_us_) {
            return;
        }

        itimerspec when{};
        when.it_value.tv_sec = next / 1000000;
        when.it_value.tv_nsec = next % 1000000 * 1000;

        if (::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr) != 0) {
            give_up("timerfd_settime");
        }

        armed_us_ = next;
    }

    void send(int socket, std::string_view data)
    {
        Connection &connection = *connections_[socket];

        if (!connection.unsent.empty()) {
            connection.unsent += data;
            return;
        }

        ssize_t size = ::send(socket, data.data(), data.size(), MSG_NOSIGNAL);

        if (size < 0 && errno != EAGAIN) {
            leave(socket);
            return;
        }

        std::size_t sent = size < 0 ? 0 : static_cast<std::size_t>(size);

        if (sent < data.size()) {
            connection.unsent = data.substr(sent);
            poll_.change(socket, EPOLLIN | EPOLLOUT);
        }
    }

    void leave(int socket)
    {
        connections_[socket] = nullptr;
        ::close(socket);
    }

    std::string whole_;
    std::vector<Port> ports_;
    std::vector<std::unique_ptr<Connection>> connections_;   // by socket
    std::uint64_t serial_ = 0;
    std::size_t last_body_ = 0;
    Poll poll_;
    int timer_;
    std::int64_t armed_us_ = 0;
    char buffer_[256 * 1024];
};

}

int main(int argc, char **argv)
{
    std::vector<Pace> paces;

    for (int i = 3; i < argc; ++i) {
        Pace pace;
        long gap = 0;

        if (std::sscanf(argv[i], "%d:%ld:%zu", &pace.port, &gap, &pace.burst)
                != 3
            || pace.burst == 0)
        {
            argc = 0;
            break;
        }

        pace.gap_us = gap;
        paces.push_back(pace);
    }

    if (argc < 4) {
        std::fprintf(stderr,
            "usage: stream_mock WHOLE EVENTS PORT:GAP_US:BURST...\n");
        return 2;
    }

    auto mock = std::make_unique<Mock>(content_of(argv[1]),
        events_of(content_of(argv[2])), paces);
    mock->run();
}
