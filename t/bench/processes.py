"""Processes and what the kernel says of them: CPU time and memory."""

import os
import signal
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """Nothing can be measured; the text says why."""


def cores():
    """One for who is measured, the others for those who ask and answer."""
    there = sorted(os.sched_getaffinity(0))

    return there[:1], there[1:] or there


def start(arguments, cpus, **more):
    return subprocess.Popen(
        [str(argument) for argument in arguments],
        preexec_fn=lambda: os.sched_setaffinity(0, cpus), **more)


def stop(process):
    if process.poll() is not None:
        return

    process.send_signal(signal.SIGTERM)

    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_of(pid):
    """Seconds of CPU so far of a process with one thread."""
    try:
        # the clock behind utime and stime, but in nanoseconds
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9
    except OSError:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()

        return (int(fields[11]) + int(fields[12])) / TICKS


def children_of(pid):
    children = []

    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue

        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                if int(file.read().rpartition(")")[2].split()[1]) == pid:
                    children.append(int(entry))
        except OSError:
            pass                        # has ended meanwhile

    return children


def memory_of(pids):
    """Bytes of memory, each page shared among those who have it."""
    size = 0

    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    size += int(line.split()[1]) * 1024

    return size


def wait_until(what, there, process, seconds=20):
    deadline = time.monotonic() + seconds

    while not there():
        if process.poll() is not None:
            raise Failure(f"{what} has ended")

        if time.monotonic() > deadline:
            raise Failure(f"{what} did not start")

        time.sleep(0.02)
