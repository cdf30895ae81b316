"""Loads on a server: wrk as fast as it can, stream_load at streams' pace.

Each measurement knows who was at the end of its power: what the worker does
with a request costs less when requests wait for it in a row.
"""

import contextlib
import json
import os
import re
import subprocess
import time

import payloads
import processes
from processes import Failure

# From here on the load or the mock is said to be the limit.
BUSY = 0.9

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class Measured:
    """What a load took; times in seconds."""

    def __init__(self):
        self.requests = 0
        self.cpu = 0.0                  # of the worker
        self.median = 0.0               # latency, or time to first token
        self.memory = 0                 # in the middle
        self.open = 0                   # streams, at that time
        self.limit = None

    @property
    def cost(self):
        return self.cpu / self.requests


@contextlib.contextmanager
def watched(setup, server, measured, load_cpu):
    """Reads the CPU time of all who take part, around the load."""
    cores = processes.cores()[1]
    worker, mock = server.cpu(), processes.cpu_of(setup.mock.process.pid)
    start = time.monotonic()
    yield
    took = time.monotonic() - start
    measured.cpu = server.cpu() - worker
    load = load_cpu()
    mock = processes.cpu_of(setup.mock.process.pid) - mock
    server.requests += measured.requests

    shares = (f"load {load / took:.0%}, mock {mock / took:.0%},"
              f" worker {measured.cpu / took:.0%}")

    if max(load, mock, (load + mock) / len(cores)) / took > BUSY:
        measured.limit = f"load and mock were the limit ({shares})"


def end_of(process):
    """Waits for it: its seconds of CPU, all threads."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)

    return usage.ru_utime + usage.ru_stime


class Load:
    """A request to a path, as its tools want to have it."""

    def __init__(self, setup, path, body):
        self.setup = setup
        self.path = path
        self.name = setup.new_file("request")
        text = setup.body(body)

        with open(f"{self.name}.body", "w", encoding="utf-8") as file:
            file.write(text)

        with open(f"{self.name}.wire", "wb") as file:
            file.write(payloads.wire(path, text))

        with open(f"{self.name}.lua", "w", encoding="utf-8") as file:
            file.write('wrk.method = "POST"\n')

            for name, value in payloads.HEADERS.items():
                file.write(f'wrk.headers["{name}"] = "{value}"\n')

            file.write("wrk.body = "
                       f'io.open("{self.name}.body"):read("*a")\n')

    def run(self, arguments, server, measured, seen=None):
        """Runs a tool; its output, of which seen() gets each line."""
        lines = []
        used = []

        with watched(self.setup, server, measured, lambda: used[0]):
            process = processes.start(
                arguments, processes.cores()[1], text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

            for line in process.stdout:
                lines.append(line)

                if seen is not None:
                    seen(line)

            errors = process.stderr.read()
            used.append(end_of(process))
            output = "".join(lines)

            if process.returncode != 0 or re.search(
                    "Non-2xx|Socket errors", output):
                raise Failure(f"requests to {self.path} failed:\n{output}"
                              f"{errors}{server.log()}")

            self.read(output, measured)

        return measured

    @staticmethod
    def read(output, measured):
        last = output.splitlines()[-1]

        if last.startswith("{"):
            report = json.loads(last)
            measured.requests = report["streams"]
            measured.median = report["first_p50_us"] / 1e6
            return

        measured.requests = int(
            re.search(r"(\d+) requests in", output).group(1))
        number, unit = re.search(
            r"50%\s+([\d.]+)(us|ms|s)", output).groups()
        measured.median = float(number) * UNITS[unit]

        if measured.requests == 0:
            raise Failure("no request was answered in time")

    def hammer(self, server, connections):
        """Requests one after another on each connection."""
        return self.run(
            ["wrk", "-t", 1, "-c", connections, "-d", self.setup.seconds,
             "--timeout", "20s", "--latency", "-s", f"{self.name}.lua",
             f"http://127.0.0.1:{server.port}{self.path}"],
            server, Measured())

    def first_tokens(self, server):
        """Streams one after another."""
        return self.run(
            [self.setup.stream_load, "loop", server.port,
             f"{self.name}.wire", payloads.EVENTS, self.setup.seconds],
            server, Measured())

    def hold(self, server, streams, ramp_ms):
        """All streams at once; memory while all are open."""
        measured = Measured()

        def seen(line):
            if line.startswith("open "):
                measured.memory = server.memory()
                measured.open = int(line.split()[1])

        self.run(
            [self.setup.stream_load, "hold", server.port,
             f"{self.name}.wire", payloads.EVENTS, streams, ramp_ms],
            server, measured, seen)

        if measured.open < streams:
            measured.limit = f"only {measured.open} were open at once"

        return measured
