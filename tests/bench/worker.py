#!/usr/bin/env python3
"""Measures a worker's time to the first response, and the growth of its memory.

    cargo build --release && tests/bench/worker.py

Start: the time from `funcdock start` to the first answer, of an app whose environment exists; the median of
several starts. Memory: the worker's resident set after 20,000 requests and after 200,000 more. Needs wrk.
"""

from __future__ import annotations

import re
import statistics
import sys
import time
from pathlib import Path

import servers

STARTS = 7
WARM_UP, REQUESTS = 20_000, 200_000


def main() -> None:
    python = servers.prepare_environment(sys.executable)
    app = servers.HERE / "apps" / "funcdock"
    starts = []
    for _ in range(STARTS):
        server = servers.funcdocks(python, app, iter(servers.free_ports(2)))[0]
        begin = time.monotonic()
        with servers.running(server):
            starts.append((time.monotonic() - begin) * 1000)
    shown = ", ".join(f"{start:.0f}" for start in sorted(starts))
    print(f"first answer after {statistics.median(starts):.0f} ms (median of {shown})")

    server = servers.funcdocks(python, app, iter(servers.free_ports(2)))[0]
    with servers.running(server):
        worker = only_worker(server.command)
        served = load(server, WARM_UP)
        before = resident_kib(worker)
        more = load(server, REQUESTS)
        after = resident_kib(worker)
    growth = after / before - 1
    print(f"memory after {served} requests {before} KiB, after {more} more {after} KiB: {growth:+.1%}")


def load(server: servers.Server, at_least: int) -> int:
    """Sends at least this many requests; returns how many."""
    served = 0
    while served < at_least:
        served += servers.wrk(server, 1, 64).requests
    return served


def only_worker(command: list[str]) -> int:
    """Returns the process id of the worker of the host that this command started."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
            if words[: len(command)] == command:
                children = (process / "task" / process.name / "children").read_text().split()
                return int(children[0])
        except OSError:
            # The process has ended meanwhile.
            continue
    sys.exit("the host is not running")


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1))  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
