// The mock upstream's answers as they go over the wire, and in which pieces.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace gw::bench {

constexpr std::string_view end_of_event = "\r\n\r\n";

struct Pace {
    int port = 0;
    std::int64_t gap_us = 0;
    std::size_t burst = 0;
};

/// As many fields as Google's head and nginx's have, more or less.
inline std::string head_of(const char *type, const std::string &framing)
{
    return std::string("HTTP/1.1 200 OK\r\nContent-Type: ") + type
        + "\r\nVary: Origin, X-Origin, Referer\r\n"
          "Date: Fri, 16 Jan 2026 00:00:00 GMT\r\n"
          "Server: scaffolding on HTTPServer2\r\n"
          "X-Frame-Options: SAMEORIGIN\r\n"
          "X-Content-Type-Options: nosniff\r\n"
        + framing + "\r\n\r\n";
}

inline std::string with_length(const std::string &body)
{
    return head_of("application/json; charset=UTF-8",
               "Content-Length: " + std::to_string(body.size()))
        + body;
}

inline std::string chunk(const std::string &data)
{
    char size[32];
    std::snprintf(size, sizeof(size), "%zx\r\n", data.size());

    return size + data + "\r\n";
}

inline std::vector<std::string> events_of(const std::string &text)
{
    std::vector<std::string> events;

    for (std::size_t start = 0; start < text.size();) {
        std::size_t end = text.find(end_of_event, start);

        if (end == std::string::npos) {
            std::fprintf(stderr, "stream_mock: an event has no end\n");
            std::exit(1);
        }

        end += end_of_event.size();
        events.push_back(text.substr(start, end - start));
        start = end;
    }

    return events;
}

/// What is written to a client at each turn.
inline std::vector<std::string> pieces_of(
    const std::vector<std::string> &events, const Pace &pace)
{
    std::vector<std::string> pieces;
    std::size_t burst = pace.gap_us == 0 ? events.size() : 1;

    for (std::size_t i = 0; i < events.size();) {
        std::string data;

        for (std::size_t k = 0; k < burst && i < events.size(); ++k) {
            data += events[i++];
        }

        pieces.push_back(chunk(data));
        burst = pace.burst;
    }

    pieces.front().insert(0,
        head_of("text/event-stream", "Transfer-Encoding: chunked"));
    pieces.back() += "0\r\n\r\n";

    return pieces;
}

}
