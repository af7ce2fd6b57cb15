#!/usr/bin/env python3
"""Compares servers by a synchronous hello that waits 5 ms first, as for a database.

    cargo build --release && tests/bench/waits.py

Funcdock runs as it is, and with as many threads as CPython's own pool would have. Its peers serve the bare
WSGI application with as many threads as there are connections, so that no call waits for a thread. They take
turns under wrk as in hello.py. Needs wrk; the peers come from PyPI into target/bench-venv.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys

import hello
from hello import CORES, GRANIAN, GUNICORN, HERE, Peer, Sample


def main() -> None:
    arguments = parse_arguments()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: install it (Debian: apt-get install wrk)")
    python = hello.prepare_environment(arguments.python)
    ports = iter(hello.free_ports(16))
    connections = arguments.connections
    own = hello.funcdocks(python, HERE / "apps/funcdock_waits", ports)
    usual = str(min(32, CORES + 4))
    few = hello.funcdocks(python, HERE / "apps/funcdock_waits", ports)[0]
    environment = {**few.environment, "PYTHON_THREADPOOL_THREAD_COUNT": usual}
    few = few._replace(kind=f"funcdock-{usual}threads", environment=environment)
    app = "waiting_hello:app"
    peers = [
        Peer("granian-wsgi", (1, CORES), f"{GRANIAN} wsgi --blocking-threads {connections} {app}"),
        Peer("gunicorn-gthread", (1, CORES), f"{GUNICORN} --threads {connections} {app}"),
    ]
    servers = [*own, few, *hello.peers(python, peers, ports)]
    samples: dict[str, list[Sample]] = {server.name: [] for server in servers}
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.enter_context(hello.running(server))
        # The first round is the warm-up.
        for number in range(arguments.rounds + 1):
            for server in servers[:: -1 if number % 2 else 1]:
                hello.wait_until_idle()
                sample = hello.wrk(server, arguments.seconds if number else 1, connections)
                if number:
                    samples[server.name].append(sample)
    hello.report(samples, arguments)
    hello.report_versions({"all servers": python})


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3, help="of each server in each round")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--python", default=sys.executable, help="the interpreter of all servers")
    return parser.parse_args()


if __name__ == "__main__":
    main()
