"""The rows: what is measured, against what, and what it may cost at most.

A row is a function of the setup that gives results.  Those of AGAINST_NGINX
compare nginx's proxy_pass of the same request with the module, those of
AGAINST_ITSELF the module with itself, where nothing may grow.
"""

import re
import subprocess

import payloads
import processes
from loads import Load
from processes import Failure
from table import ABSOLUTE, DIFFERENCE, Result

CHAT = "/once/v1/chat/completions"
MODEL = f"/once/v1beta/models/{payloads.MODEL}"

# of one thing that should cost what another does, noise included
AS_MUCH = 1.1


def in_turns(rounds, left, right):
    """Both by turns, so that whatever else the machine does hits both."""
    pairs = [(left(), right()) for _ in range(rounds)]

    return [a for a, _ in pairs], [b for _, b in pairs]


def result_of(title, unit, lefts, rights, read, **more):
    """A result of what read() takes out of each measurement."""
    return Result(title, unit, [read(m) for m in lefts],
                  [read(m) for m in rights],
                  limits=[m.limit for m in [*lefts, *rights]], **more)


def cost(measured):
    return measured.cost


def median(measured):
    return measured.median


def memory(measured):
    return measured.memory


def compare(setup, title, plain, module, *, connections=32, read=cost,
            **more):
    """plain and module: path and body.  One result, of both under wrk."""
    left, right = Load(setup, *plain), Load(setup, *module)

    return [result_of(title, "seconds", *in_turns(
        setup.rounds,
        lambda: left.hammer(setup.plain, connections),
        lambda: right.hammer(setup.gateway, connections)), read, **more)]


def kilobytes(text):
    return f"{len(text) / 1000:.1f} KB"


def row_whole(setup):
    title = (f"CPU per request, {kilobytes(setup.body('whole'))} in,"
             f" {kilobytes(payloads.WHOLE)} out")

    return compare(setup, title, ("/once/whole", "whole"), (CHAT, "whole"),
                   target=1.4)


def row_stream(setup):
    title = (f"CPU per stream, {payloads.EVENTS} events,"
             f" {kilobytes(payloads.STREAM)} at once")

    return compare(setup, title, ("/once/stream", "stream"),
                   (CHAT, "stream"), target=2.2)


def row_latency(setup):
    return compare(setup, "latency, p50, one connection",
                   ("/once/whole", "whole"), (CHAT, "whole"), connections=1,
                   read=median, how=DIFFERENCE, target=0.02e-3)


def row_first(setup):
    left = Load(setup, "/first/stream", "stream")
    right = Load(setup, "/first/v1/chat/completions", "stream")

    return [result_of(
        "time to first token, p50", "seconds", *in_turns(
            setup.rounds,
            lambda: left.first_tokens(setup.plain),
            lambda: right.first_tokens(setup.gateway)),
        median, how=DIFFERENCE, target=0.05e-3)]


def held(setup, pace, streams, ramp_ms, rounds, connections):
    """Open streams, each time on an nginx that has served nothing yet."""
    def one(kind, path):
        load = Load(setup, path, "stream")

        with setup.start(kind, connections=connections) as server:
            idle = server.memory()
            measured = load.hold(server, streams, ramp_ms)
            measured.each = (measured.memory - idle) / max(1, measured.open)

        return measured

    return in_turns(rounds, lambda: one("plain", f"/{pace}/stream"),
                    lambda: one("module", f"/{pace}/v1/chat/completions"))


def row_slow(setup):
    streams = setup.slow_streams
    lefts, rights = held(setup, "slow", streams, 1000, setup.slow_rounds,
                         4096)
    name = (f"slow stream ({setup.slow_seconds} s, {payloads.EVENTS}"
            " events)")

    return [
        result_of(f"CPU per {name}", "seconds", lefts, rights, cost,
                  target=1.4),
        result_of(f"memory, {streams} slow streams", "bytes", lefts, rights,
                  memory, how=ABSOLUTE,
                  target=40 * 2**20 if streams == 1000 else None)]


def row_many(setup):
    # each is two sockets of the worker; and nginx reuses connections when
    # one in sixteen is left
    streams = min(setup.many_streams, (setup.open_files - 64) // 2)
    lefts, rights = held(setup, "many", streams, 4000, setup.many_rounds,
                         2 * streams * 9 // 8 + 64)
    name = f"{streams} open streams ({setup.many_seconds} s)"

    return [
        result_of(f"CPU of each of {name}", "seconds", lefts, rights, cost,
                  target=1.4),
        result_of(f"memory of each of {streams}", "bytes", lefts, rights,
                  lambda m: m.each)]


def row_conversation(setup):
    return compare(setup, "CPU per request with 1 MB of conversation",
                   ("/once/whole", "conversation"), (CHAT, "conversation"),
                   connections=4)


def row_image(setup):
    return compare(setup, "CPU per request with a 12 MB image",
                   ("/once/whole", "image"), (CHAT, "image"), connections=2)


def row_tools(setup):
    title = ("CPU per request with 50 tools"
             f" ({kilobytes(setup.body('tools'))})")

    return compare(setup, title, ("/once/whole", "tools"), (CHAT, "tools"),
                   connections=16)


def row_native(setup):
    path = f"{MODEL}:generateContent"

    return compare(setup, "native: CPU per request", (path, "native"),
                   (path, "native"))


def row_native_stream(setup):
    path = f"{MODEL}:streamGenerateContent?alt=sse"

    return compare(setup, "native: CPU per stream, at once",
                   (path, "native"), (path, "native"))


def two_modules(setup, title, few, many):
    """The same request to two of the module, of different configuration."""
    load = Load(setup, CHAT, "whole")

    with setup.start("module", **few) as left, \
            setup.start("module", **many) as right:
        return [result_of(title, "seconds", *in_turns(
            setup.rounds, lambda: load.hammer(left, 32),
            lambda: load.hammer(right, 32)), cost, target=AS_MUCH)]


def row_keys(setup):
    return two_modules(setup, "CPU per request, 10 and 10,000 keys",
                       {"keys": 10}, {"keys": 10000})


def row_clients(setup):
    return two_modules(setup, "CPU per request, 10 and 10,000 clients",
                       {"clients": 10}, {"clients": 10000})


def row_choice(setup):
    """The choice alone, without a request around it."""
    choices = "500" if setup.quick else "5000"
    output = subprocess.run(
        [setup.choose_bench, "10", "10000", choices], check=True, text=True,
        stdout=subprocess.PIPE).stdout
    results = []

    for name in "headroom", "headroom,quotas":
        few, many = re.search(
            rf"^{name} +(\d+) ns +(\d+) ns", output, re.M).groups()
        results.append(Result(
            f"choice of a key, 10 and 10,000, {name}", "seconds",
            [int(few) / 1e9], [int(many) / 1e9]))

    return results


def row_age(setup):
    load = Load(setup, CHAT, "whole")
    stream = Load(setup, CHAT, "stream")
    old = setup.gateway

    # alone, the row has to make it old
    load.hammer(old, 32)
    stream.hammer(old, 32)
    served = old.requests

    with setup.start("module") as fresh:
        return [result_of(
            f"CPU per request, fresh and {served:,} later",
            "seconds", *in_turns(
                setup.rounds, lambda: load.hammer(fresh, 32),
                lambda: load.hammer(old, 32)), cost, target=AS_MUCH)]


def row_linear(setup):
    one, four = Load(setup, CHAT, "conversation"), \
        Load(setup, CHAT, "conversation4")

    return [result_of(
        "CPU per request, 1 and 4 MB of conversation", "seconds", *in_turns(
            setup.rounds, lambda: one.hammer(setup.gateway, 4),
            lambda: four.hammer(setup.gateway, 4)), cost,
        target=4 * AS_MUCH)]


AGAINST_NGINX = {
    "whole": row_whole,
    "stream": row_stream,
    "slow": row_slow,
    "latency": row_latency,
    "first": row_first,
    "conversation": row_conversation,
    "image": row_image,
    "tools": row_tools,
    "native": row_native,
    "native-stream": row_native_stream,
    "many": row_many,
}

AGAINST_ITSELF = {
    "linear": row_linear,
    "keys": row_keys,
    "clients": row_clients,
    "age": row_age,
    "choice": row_choice,
}

# Rows whose requests are looked at first.
LARGE = {"conversation": ["conversation"], "image": ["image"],
         "tools": ["tools"], "linear": ["conversation", "conversation4"]}


def named(names):
    """Those rows, in the tables' order; of no name, all."""
    known = [*AGAINST_NGINX, *AGAINST_ITSELF, "counts"]
    unknown = [name for name in names if name not in known]

    if unknown:
        raise Failure(f"no such row: {', '.join(unknown)};"
                      f" there are {', '.join(known)}")

    return [name for name in known if not names or name in names]
