#!/usr/bin/env python3
"""Compares servers by a synchronous hello that waits 5 ms first, as for a database.

    cargo build --release && tests/bench/waits.py

Funcdock runs as it is, and with as many threads as CPython's own pool would have. Its peers serve the bare
WSGI application with as many threads as there are connections, so that no call waits for a thread. They take
turns under wrk as in hello.py. Needs wrk; the peers come from PyPI into target/bench-venv.
"""

from __future__ import annotations

import argparse

import servers
from servers import CORES, GRANIAN, GUNICORN, HERE, Peer


def main() -> None:
    arguments = parse_arguments()
    python = servers.prepare_environment(arguments.python)
    ports = iter(servers.free_ports(16))
    connections = arguments.connections
    own = servers.funcdocks(python, HERE / "apps/funcdock_waits", ports)
    usual = str(min(32, CORES + 4))
    few = servers.funcdocks(python, HERE / "apps/funcdock_waits", ports)[0]
    environment = {**few.environment, "PYTHON_THREADPOOL_THREAD_COUNT": usual}
    few = few._replace(kind=f"funcdock-{usual}threads", environment=environment)
    app = "waiting_hello:app"
    peers = [
        Peer("granian-wsgi", (1, CORES), f"{GRANIAN} wsgi --blocking-threads {connections} {app}"),
        Peer("gunicorn-gthread", (1, CORES), f"{GUNICORN} --threads {connections} {app}"),
    ]
    all_servers = [*own, few, *servers.peers(python, peers, ports)]
    samples = servers.take_turns(all_servers, arguments)
    servers.report(samples, arguments)
    servers.report_versions({"all servers": python})


def parse_arguments() -> argparse.Namespace:
    return servers.parser(__doc__, seconds=3).parse_args()


if __name__ == "__main__":
    main()
