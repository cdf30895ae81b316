// Asks for streams and measures how long the first token takes.
//
//   stream_load hold PORT REQUEST EVENTS STREAMS RAMP_MS
//   stream_load loop PORT REQUEST EVENTS SECONDS
//
// hold opens STREAMS streams, each on a connection of its own, evenly over
// RAMP_MS, and reads them to their ends; once each has its first token it says
// "open" and how many have not ended yet.  loop asks for one stream after
// another on one connection.  REQUEST is a file with a request as it goes over
// the wire; an answer is right with status 200, at least EVENTS events, and
// the last chunk.  Then come the times to the first token, from the request's
// last byte, as JSON.  Any wrong answer is an error.
#include "sockets.hpp"

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

namespace {

using namespace gw::bench;

/// Counts a text in what comes, cut anywhere.
class Counter {
public:
    explicit Counter(std::string_view text) : text_(text) {}

    void read(std::string_view data)
    {
        std::string_view start = data.substr(0, text_.size() - 1);
        carry_ += start;
        count_in(carry_);
        count_in(data);

        if (start.size() == data.size()) {
            carry_.erase(0, carry_.size()
                - std::min(carry_.size(), text_.size() - 1));
            return;
        }

        carry_ = data.substr(data.size() - (text_.size() - 1));
    }

    std::size_t count() const { return count_; }

    void reset()
    {
        count_ = 0;
        carry_.clear();
    }

private:
    void count_in(std::string_view data)
    {
        while (data.size() >= text_.size()) {
            const void *found = ::memmem(data.data(), data.size(),
                text_.data(), text_.size());

            if (found == nullptr) {
                return;
            }

            ++count_;
            data.remove_prefix(static_cast<std::size_t>(
                static_cast<const char *>(found) - data.data())
                + text_.size());
        }
    }

    std::string_view text_;
    std::size_t count_ = 0;
    std::string carry_;         // shorter than the text
};

[[noreturn]] void wrong(const char *what)
{
    std::fprintf(stderr, "stream_load: %s\n", what);
    std::exit(1);
}

class Stream {
public:
    explicit Stream(int socket) : socket_(socket) {}

    void ask(const std::string &request)
    {
        if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL)
            != static_cast<ssize_t>(request.size()))
        {
            give_up("stream_load: send");
        }

        asked_us_ = now_us();
        first_us_ = -1;
        ended_ = false;
        status_.clear();
        events_.reset();
        last_chunk_.reset();
    }

    void read(std::size_t events)
    {
        static char buffer[64 * 1024];
        ssize_t size = ::recv(socket_, buffer, sizeof(buffer), MSG_DONTWAIT);

        if (size < 0 && errno == EAGAIN) {
            return;
        }

        if (size <= 0) {
            wrong("a connection was closed before its stream was whole");
        }

        std::string_view data(buffer, static_cast<std::size_t>(size));
        check_status(data);
        events_.read(data);
        last_chunk_.read(data);

        if (first_us_ < 0 && events_.count() > 0) {
            first_us_ = now_us() - asked_us_;
        }

        if (last_chunk_.count() > 0) {
            if (events_.count() < events) {
                wrong("a stream ended without all of its events");
            }

            ended_ = true;
        }
    }

    bool ended() const { return ended_; }

    /// Microseconds, -1 as long as there is none.
    std::int64_t first_us() const { return first_us_; }

    std::size_t events() const { return events_.count(); }
    int socket() const { return socket_; }

private:
    void check_status(std::string_view data)
    {
        static constexpr std::string_view right = "HTTP/1.1 200";

        if (status_.size() < right.size()) {
            status_ += data.substr(0, right.size() - status_.size());

            if (status_.size() == right.size() && status_ != right) {
                wrong(status_.c_str());
            }
        }
    }

    int socket_;
    std::int64_t asked_us_ = 0;
    std::int64_t first_us_ = -1;
    bool ended_ = false;
    std::string status_;
    Counter events_{"data: {"};
    Counter last_chunk_{"\r\n0\r\n\r\n"};
};

struct Times {
    std::vector<std::int64_t> first_us;
    std::size_t events = 0;
};

void report(Times &times, std::int64_t took_us)
{
    std::vector<std::int64_t> &values = times.first_us;
    std::sort(values.begin(), values.end());

    auto at = [&values](std::size_t percent) {
        return static_cast<long>(values[(values.size() - 1) * percent / 100]);
    };

    std::printf("{\"streams\":%zu,\"events\":%zu,\"took_us\":%ld,"
                "\"first_p50_us\":%ld,\"first_p99_us\":%ld}\n",
        values.size(), times.events, static_cast<long>(took_us), at(50),
        at(99));
}

void finish(const Stream &stream, Times &times)
{
    times.first_us.push_back(stream.first_us());
    times.events += stream.events();
}

Times hold(int port, const std::string &request, std::size_t events,
    std::size_t streams, std::int64_t ramp_us)
{
    Poll poll;
    Times times;
    std::vector<std::unique_ptr<Stream>> by_socket;
    std::size_t opened = 0;
    std::size_t begun = 0;
    std::int64_t start = now_us();

    while (times.first_us.size() < streams) {
        std::int64_t elapsed = now_us() - start;
        std::size_t wanted = elapsed >= ramp_us ? streams
            : static_cast<std::size_t>(elapsed) * streams
                / static_cast<std::size_t>(ramp_us);

        for (; opened < wanted; ++opened) {
            auto stream = std::make_unique<Stream>(connect_to(port));
            auto index = static_cast<std::size_t>(stream->socket());

            if (by_socket.size() <= index) {
                by_socket.resize(index + 1);
            }

            poll.add(stream->socket(), EPOLLIN);
            stream->ask(request);
            by_socket[index] = std::move(stream);
        }

        int count = poll.wait(opened < streams ? 1 : -1);

        for (int i = 0; i < count; ++i) {
            auto index = static_cast<std::size_t>(poll.event(i).data.fd);
            Stream &stream = *by_socket[index];
            bool had_begun = stream.first_us() >= 0;

            stream.read(events);

            if (!had_begun && stream.first_us() >= 0 && ++begun == streams) {
                std::printf("open %zu\n", streams - times.first_us.size());
                std::fflush(stdout);
            }

            if (stream.ended()) {
                finish(stream, times);
                ::close(stream.socket());
                by_socket[index] = nullptr;
            }
        }
    }

    return times;
}

Times loop(int port, const std::string &request, std::size_t events,
    std::int64_t duration_us)
{
    Poll poll;
    Times times;
    Stream stream(connect_to(port));
    std::int64_t end = now_us() + duration_us;

    poll.add(stream.socket(), EPOLLIN);

    while (now_us() < end) {
        stream.ask(request);

        while (!stream.ended()) {
            poll.wait(-1);
            stream.read(events);
        }

        finish(stream, times);
    }

    return times;
}

}

int main(int argc, char **argv)
{
    bool holds = argc == 7 && std::strcmp(argv[1], "hold") == 0;
    bool loops = argc == 6 && std::strcmp(argv[1], "loop") == 0;

    if (!holds && !loops) {
        std::fprintf(stderr,
            "usage: stream_load hold PORT REQUEST EVENTS STREAMS RAMP_MS\n"
            "       stream_load loop PORT REQUEST EVENTS SECONDS\n");
        return 2;
    }

    int port = std::atoi(argv[2]);
    std::string request = content_of(argv[3]);
    std::size_t events = std::strtoul(argv[4], nullptr, 10);
    std::int64_t start = now_us();

    Times times = holds
        ? hold(port, request, events, std::strtoul(argv[5], nullptr, 10),
              std::atol(argv[6]) * 1000L)
        : loop(port, request, events,
              static_cast<std::int64_t>(std::atof(argv[5]) * 1e6));

    if (times.first_us.empty()) {
        wrong("nothing was asked for");
    }

    report(times, now_us() - start);

    return 0;
}
