"""Instructions of a request, a stream and a choice, counted by callgrind.

They hardly move from run to run, however busy the machine is: a change that
costs shows here first.  Each count leaves its profile for
callgrind_annotate.  Only what runs outside the kernel is counted.
"""

import contextlib
import http.client
import os
import re
import shutil
import subprocess

import payloads
from processes import Failure
from rows import AS_MUCH, CHAT, MODEL
from table import Result

WARM = 10

CASES = [
    ("whole", "request", "whole", "/once/whole", CHAT),
    ("stream", "stream, at once", "stream", "/once/stream", CHAT),
    ("slow", "stream, event by event", "stream", "/brisk/stream",
     "/brisk/v1/chat/completions"),
    ("tools", "request with 50 tools", "tools", "/once/whole", CHAT),
    ("native", "native: request", "native", f"{MODEL}:generateContent",
     f"{MODEL}:generateContent"),
    ("native-stream", "native: stream, at once", "native",
     f"{MODEL}:streamGenerateContent?alt=sse",
     f"{MODEL}:streamGenerateContent?alt=sse"),
]


def there():
    return shutil.which("valgrind") and shutil.which("callgrind_control")


def ask(port, path, body, times):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    for _ in range(times):
        connection.request("POST", path, body, payloads.HEADERS)
        response = connection.getresponse()
        data = response.read()

        if response.status != 200:
            raise Failure(f"{path}: {response.status}, {data[:500]!r}")

    connection.close()


def control(server, *arguments):
    done = subprocess.run(
        ["callgrind_control", *arguments, str(server.master)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)

    if done.returncode != 0:
        raise Failure(f"callgrind_control: {done.stdout}")


def instructions_of(profile):
    with open(profile, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(("summary:", "totals:")):
                return int(line.split()[1])

    raise Failure(f"{profile} counts nothing")


def counted(server, folder, name, port, path, body, times):
    """Instructions of one of the requests; leaves FOLDER/NAME.callgrind."""
    ask(port, path, body, WARM)
    control(server, "-i", "on")
    control(server, "-z")
    ask(port, path, body, times)
    before = set(os.listdir(folder))
    control(server, "-d", name)
    control(server, "-i", "off")

    # a dump is a file more: callgrind.out.1 and so on
    dump = min(set(os.listdir(folder)) - before,
               key=lambda file: int(re.sub(r"\D", "", file) or 0))
    profile = f"{folder}/{name}.callgrind"
    os.replace(f"{folder}/{dump}", profile)

    return instructions_of(profile) / times


@contextlib.contextmanager
def started(setup, folder):
    """nginx under callgrind, with a port for either side."""
    prefix = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no",
              f"--callgrind-out-file={folder}/callgrind.out"]

    with setup.start("both", master=False, prefix=prefix) as server:
        yield server


def against_nginx(setup, folder, server):
    """Of a quick run the first two alone, and fewer of them."""
    cases, times = (CASES[:2], 20) if setup.quick else (CASES, 100)

    for name, title, body, plain, module in cases:
        values = [[counted(server, folder, f"{name}-{side}",
                           server.ports[side], path, setup.body(body), times)]
                  for side, path in (("plain", plain), ("module", module))]

        yield Result(title, "instructions", *values)


def against_itself(setup, folder, server):
    """What may not grow, or only with its size."""
    if not setup.quick:
        yield Result(
            "request with 1 and 4 MB of conversation", "instructions",
            *([counted(server, folder, body, server.ports["module"], CHAT,
                       setup.body(body), 10)]
              for body in ("conversation", "conversation4")),
            target=4 * AS_MUCH)

    yield Result("choice of a key, 10 and 10,000", "instructions",
                 [choices(setup, folder, 10, 1000)],
                 [choices(setup, folder, 10000, 1000)], target=AS_MUCH)


def choices(setup, folder, keys, times):
    """Instructions of one choice, when every key has been used."""
    def all_of(count):
        profile = f"{folder}/choice-{keys}.callgrind"
        subprocess.run(
            ["valgrind", "-q", "--tool=callgrind",
             "--toggle-collect=*Pool::choose*",
             f"--callgrind-out-file={profile}", setup.choose_bench,
             "headroom,quotas", str(keys), str(count)], check=True)

        return instructions_of(profile)

    return (all_of(3 * times) - all_of(times)) / (2 * times)
