#include "core/http/response.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace gw;
using http::ResponseReader;
using State = ResponseReader::State;

constexpr std::size_t max_head = 200;
constexpr std::size_t max_body = 40;

struct Case {
    const char *name;
    std::string text;
    bool closed;                    // the peer closes behind it
    State state;
    int status = 0;
    const char *body = "";          // the problem, of what fails
    const char *retry_after = "";
};

const std::string ok = "HTTP/1.1 200 OK\r\n";

const Case cases[] = {
    {"a length", ok + "Content-Length: 5\r\n\r\nhello", false, State::done,
        200, "hello"},
    {"a length of nothing", ok + "content-length:0\r\n\r\n", false,
        State::done, 200},
    {"bare line feeds, no reason",
        "HTTP/1.0 503\nRetry-After:  7 \nContent-Length: 2\n\nno", false,
        State::done, 503, "no", "7"},
    {"more than the length", ok + "Content-Length: 2\r\n\r\nhello", false,
        State::done, 200, "he"},
    {"the same length twice",
        ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhe", false,
        State::done, 200, "he"},
    {"until it closes", ok + "\r\nhello", true, State::done, 200, "hello"},
    {"until it closes, empty", ok + "\r\n", true, State::done, 200},
    {"chunks", ok + "Transfer-Encoding: chunked\r\n\r\n"
            "3;x=y\r\nhel\r\nA \r\nlo, world.\r\n0\r\nTrailer: x\r\n\r\n",
        false, State::done, 200, "hello, world."},
    {"no content", "HTTP/1.1 204 No Content\r\n\r\n", false, State::done,
        204},
    {"something to wait for first", "HTTP/1.1 100 Continue\r\nContent-Length: "
            "3\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nhe", false,
        State::done, 200, "he"},

    {"not all yet", ok + "Content-Length: 5\r\n\r\nhel", false, State::more},
    {"nothing", "", true, State::failed, 0,
        "the connection was closed without an answer"},
    {"cut in the head", ok, true, State::failed, 0, "the answer was cut off"},
    {"cut in the body", ok + "Content-Length: 5\r\n\r\nhel", true,
        State::failed, 0, "the answer was cut off"},
    {"cut in a chunk", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        true, State::failed, 0, "the answer was cut off"},
    {"cut before the last chunk",
        ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n", true,
        State::failed, 0, "the answer was cut off"},
    {"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", false, State::failed, 0,
        "it does not speak HTTP/1.1"},
    {"a switch of protocols", "HTTP/1.1 101 Go\r\n", false, State::failed, 0,
        "it does not speak HTTP/1.1"},
    {"a status of two digits", "HTTP/1.1 20 OK\r\n", false, State::failed, 0,
        "it does not speak HTTP/1.1"},
    {"two lengths", ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        false, State::failed, 0, "it has two lengths"},
    {"a length and chunks",
        ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false,
        State::failed, 0, "it has two lengths"},
    {"a negative length", ok + "Content-Length: -1\r\n\r\n", false,
        State::failed, 0, "its length is none"},
    {"a huge length", ok + "Content-Length: 99999999999999999999\r\n\r\n",
        false, State::failed, 0, "its length is none"},
    {"a compressed answer", ok + "Content-Encoding: gzip\r\n\r\n", false,
        State::failed, 0, "it is in a coding that was not asked for"},
    {"a folded field", ok + "A: b\r\n c\r\n\r\n", false, State::failed, 0,
        "its head is broken"},
    {"no chunk's size",
        ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", false,
        State::failed, 0, "its chunks are broken"},
    {"a chunk longer than it says",
        ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nhel\r\n", false,
        State::failed, 0, "its chunks are broken"},
    {"too long a head", ok + "A: " + std::string(max_head, 'a'), false,
        State::failed, 0, "its head is too large"},
    {"too long a body by its length", ok + "Content-Length: 41\r\n\r\n",
        false, State::failed, 0, "its body is too large"},
    {"too long a body until it closes",
        ok + "\r\n" + std::string(max_body + 1, 'a'), false, State::failed, 0,
        "its body is too large"},
    {"too long a body in chunks", ok + "Transfer-Encoding: chunked\r\n\r\n"
            "20\r\n" + std::string(32, 'a') + "\r\n9\r\n", false,
        State::failed, 0, "its body is too large"},
};

void check(const Case &c, const ResponseReader &reader, std::size_t cut)
{
    SCOPED_TRACE(std::string(c.name) + " cut at " + std::to_string(cut));

    ASSERT_EQ(reader.state(), c.state);

    if (c.state == State::done) {
        EXPECT_EQ(reader.status(), c.status);
        EXPECT_EQ(reader.body(), c.body);
        EXPECT_EQ(reader.retry_after(), c.retry_after);

    } else if (c.state == State::failed) {
        EXPECT_EQ(reader.problem(), c.body);
    }
}

TEST(HttpResponse, AnswersAreReadInAnyCut)
{
    for (const Case &c : cases) {
        for (std::size_t cut = 0; cut <= c.text.size(); ++cut) {
            ResponseReader reader(max_head, max_body);

            reader.feed(std::string_view(c.text).substr(0, cut));
            reader.feed(std::string_view(c.text).substr(cut));

            if (c.closed) {
                reader.close();
            }

            check(c, reader, cut);
        }
    }
}

TEST(HttpResponse, AnswersAreReadByteByByte)
{
    for (const Case &c : cases) {
        ResponseReader reader(max_head, max_body);

        for (char byte : c.text) {
            reader.feed({ &byte, 1 });
        }

        if (c.closed) {
            reader.close();
        }

        check(c, reader, c.text.size());
    }
}

TEST(HttpResponse, TheDateIsTheLastHeads)
{
    ResponseReader reader(max_head, max_body);
    reader.feed("HTTP/1.1 103 Early\r\ndate: yesterday\r\n\r\n" + ok
                + "Content-Length: 0\r\n\r\n");
    ASSERT_EQ(reader.state(), State::done);
    EXPECT_EQ(reader.date(), "");

    ResponseReader other(max_head, max_body);
    other.feed(ok + "Date:  Sun, 06 Nov 1994 08:49:37 GMT\r\n"
               "Content-Length: 0\r\n\r\n");
    EXPECT_EQ(other.date(), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}
