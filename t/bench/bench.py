"""Measures the module against nginx's own proxy_pass; see scripts/bench."""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import counts
import payloads
import processes
import rows
import servers
import table
import verify
from processes import Failure


# of README.md, where the tables stand
BETWEEN = "<!-- make bench: begin -->", "<!-- make bench: end -->"


class Setup:
    """What all rows share: what is installed, the servers, how long."""

    def __init__(self, options):
        self.nginx = options.nginx
        self.module = os.path.abspath(options.module)
        self.stream_load = f"{options.tools}/stream_load"
        self.choose_bench = f"{options.tools}/choose_bench"
        self.folder = os.path.abspath(options.folder)
        self.open_files = servers.raise_limits()
        self.quick = options.quick

        quick = options.quick
        self.seconds = number("BENCH_SECONDS", 1 if quick else 2)
        self.rounds = number("BENCH_ROUNDS", 1 if quick else 5)
        self.slow_rounds = max(1, min(3, self.rounds))
        self.many_rounds = max(1, self.rounds // 5)
        self.slow_streams, self.slow_seconds = (200, 2) if quick else (1000, 8)
        self.many_streams, self.many_seconds = \
            (1000, 6) if quick else (10000, 24)

        self.bodies = {}
        self.files = 0
        self.started = []
        self.gateway = self.plain = None

        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.mock = servers.Mock(
            f"{options.tools}/stream_mock", f"{self.folder}/mock",
            self.paces())
        self.started.append(self.mock)

    def paces(self):
        """Microseconds between two writes, and events of each but the
        first."""
        gaps = payloads.EVENTS - 1

        return {
            "once": (0, 1),
            "first": (2000, gaps),
            "brisk": (2000, 1),
            "slow": (self.slow_seconds * 1000000 // gaps, 1),
            "many": (self.many_seconds * 1000000 // gaps, 1),
        }

    def body(self, name):
        if name not in self.bodies:
            self.bodies[name] = payloads.BODIES[name]()

        return self.bodies[name]

    def new_folder(self, kind):
        folder = self.new_file(kind)
        os.makedirs(folder)

        return folder

    def new_file(self, kind):
        self.files += 1

        return f"{self.folder}/{kind}-{self.files}"

    def start(self, kind, **more):
        server = servers.Server(self, kind, **more)
        self.started.append(server)

        return server

    def start_both(self):
        """Those that serve most rows, one after another."""
        self.plain = self.start("plain")
        self.gateway = self.start("module")

    def stop(self):
        for each in reversed(self.started):
            each.stop()


def number(name, otherwise):
    value = os.environ.get(name) or str(otherwise)

    if not re.fullmatch("[1-9][0-9]{0,4}", value):
        raise Failure(f"{name}={value} is no number of them")

    return int(value)


class Printer:
    """Rows as they come; as Markdown, tables at the end, and rows meanwhile
    on stderr."""

    def __init__(self, as_markdown):
        self.live = sys.stderr if as_markdown else sys.stdout
        self.tables = []                # head and results of each

    def begin(self, head):
        self.tables.append((head, []))
        print("\n" + table.text_row(head), file=self.live, flush=True)

    def row(self, result):
        self.tables[-1][1].append(result)
        lines = [table.text_row(result.cells())]

        if result.limits:
            lines.append("    " + result.limit())

        print("\n".join(lines), file=self.live, flush=True)

    def markdown(self, machine):
        return "\n\n".join(
            [machine, *(table.markdown(*each) for each in self.tables)])


def refresh(text):
    """Puts the tables into README.md."""
    path = os.path.join(os.path.dirname(__file__), "../../README.md")

    with open(path, encoding="utf-8") as file:
        readme = file.read()

    begin, end = BETWEEN
    before, found, rest = readme.partition(begin)
    after = rest.partition(end)[2]

    if not found or not after:
        raise Failure(f"README.md has no {begin} and {end}")

    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{begin}\n{text}\n{end}{after}")


def machine(setup):
    """One line on what this was measured with."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"^model name\s*:\s*(.+)$", file.read(), re.M)

    version = subprocess.run([setup.nginx, "-v"], stderr=subprocess.PIPE,
                             text=True, check=True).stderr.strip()
    measured, others = processes.cores()
    where = ("a core for the worker, the rest for load and mock"
             if measured != others else "one core for all")

    kernel = os.uname().release.split("-")[0]

    return (f"{model.group(1) if model else os.uname().machine},"
            f" {os.cpu_count()} cores, Linux {kernel},"
            f" {version.rpartition(' ')[2]}; {where};"
            f" load average before {os.getloadavg()[0]:.1f};"
            f" rounds: {setup.rounds}, of {setup.seconds} s;"
            f" {time.strftime('%Y-%m-%d')}")


def measure(setup, names, printer):
    setup.start_both()
    verify.all_of(setup, setup.plain, setup.gateway)

    for body in {body for name in names for body in rows.LARGE.get(name, [])}:
        verify.large(setup, setup.gateway, body)

    for head, group in (
            (table.header("proxy_pass", "module"), rows.AGAINST_NGINX),
            (table.header("the one", "the other"), rows.AGAINST_ITSELF)):
        chosen = [name for name in names if name in group]

        if chosen:
            printer.begin(head)

        for name in chosen:
            for result in group[name](setup):
                printer.row(result)


def count(setup, printer, required):
    if not counts.there():
        text = ("instructions are counted with valgrind, which is not there:"
                " scripts/install-deps bench")

        if required:
            raise Failure(text)

        print(text, file=sys.stderr)
        return

    folder = f"{setup.folder}/profile"
    os.makedirs(folder)

    with counts.started(setup, folder) as server:
        printer.begin(table.header("proxy_pass", "module"))

        for result in counts.against_nginx(setup, folder, server):
            printer.row(result)

        printer.begin(table.header("the one", "the other"))

        for result in counts.against_itself(setup, folder, server):
            printer.row(result)

    print(f"\nprofiles: callgrind_annotate {folder}/*.callgrind",
          file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(usage="scripts/bench [options]")
    parser.add_argument("--nginx", required=True)
    parser.add_argument("--module", required=True)
    parser.add_argument("--tools", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--refresh", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    setup = None

    # an end from outside, too, leaves no server behind
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    try:
        names = rows.named(
            ["counts"] if options.profile
            else os.environ.get("BENCH_ROWS", "").replace(",", " ").split())
        setup = Setup(options)
        printer = Printer(options.markdown or options.refresh)
        what = machine(setup)
        print(what, file=printer.live, flush=True)

        if names != ["counts"]:
            measure(setup, names, printer)

        if "counts" in names:
            count(setup, printer, required=options.profile)

        if options.refresh:
            refresh(printer.markdown(what))
        elif options.markdown:
            print(printer.markdown(what))
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if setup is not None:
            setup.stop()


if __name__ == "__main__":
    main()
