#!/usr/bin/env python3
"""Compares the same FastAPI and the same Flask app on Funcdock and on the servers that people use for them.

    cargo build --release && tests/bench/frameworks.py

Each framework is a table of its own. All its servers run at the same time and take turns under wrk, round by
round, as in hello.py. In each round the app is also called in a loop without any server, on one core: the
share of that which Funcdock reaches with one worker shows what a server costs. Needs wrk; the peers come from
PyPI into target/bench-venv.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import servers
from servers import CORES, GRANIAN, GUNICORN, HERE, UVICORN, Peer, Sample, Server

#: The options of uvicorn and granian that their documentations recommend for speed are their defaults once
#: uvloop and httptools are installed.
FASTAPI = [
    Peer("granian", (1, CORES), f"{GRANIAN} asgi fastapi_hello:app"),
    Peer("uvicorn", (1, CORES), f"{UVICORN} fastapi_hello:app"),
]
FLASK = [
    Peer("granian", (1, CORES), f"{GRANIAN} wsgi flask_hello:app"),
    Peer("granian-1thread", (1, CORES), f"{GRANIAN} wsgi --blocking-threads 1 flask_hello:app"),
    Peer("gunicorn", (2 * CORES + 1,), f"{GUNICORN} flask_hello:app"),
    Peer("gunicorn-gthread4", (CORES, 2 * CORES + 1), f"{GUNICORN} --threads 4 flask_hello:app"),
]


class Framework(NamedTuple):
    """A framework, its app on Funcdock, and its peers."""

    name: str
    interface: str
    app: Path
    peers: list[Peer]


FRAMEWORKS = [
    Framework("FastAPI", "asgi", HERE / "apps/funcdock_fastapi", FASTAPI),
    Framework("Flask", "wsgi", HERE / "apps/funcdock_flask", FLASK),
]


def main() -> None:
    arguments = parse_arguments()
    python = servers.prepare_environment(arguments.python)
    for framework in FRAMEWORKS:
        if arguments.framework in (None, framework.name.lower()):
            compare(framework, python, arguments)
    servers.report_versions({"all servers": python})


def parse_arguments() -> argparse.Namespace:
    parser = servers.parser(__doc__)
    parser.add_argument("--framework", choices=("fastapi", "flask"), help="only this one")
    return parser.parse_args()


def compare(framework: Framework, python: Path, arguments: argparse.Namespace) -> None:
    ports: Iterator[int] = iter(servers.free_ports(32))
    all_servers = [
        *servers.funcdocks(python, framework.app, ports),
        *servers.peers(python, framework.peers, ports),
    ]
    alone: list[float] = []

    def call(number: int) -> None:
        servers.wait_until_idle()
        rate = call_alone(python, framework, arguments.seconds)
        if number:
            alone.append(rate)

    samples = servers.take_turns(all_servers, arguments, before_round=call)
    print(f"\n{framework.name}")
    servers.report(samples, arguments)
    report_alone(samples["funcdock:1"], alone)
    report_best(all_servers, samples)


def call_alone(python: Path, framework: Framework, seconds: int) -> float:
    command: list[str | Path] = [python, "alone.py", framework.interface, str(seconds)]
    called = subprocess.run(command, cwd=HERE / "apps", check=True, capture_output=True, text=True)
    return float(called.stdout)


def report_alone(funcdock: list[Sample], alone: list[float]) -> None:
    """Prints what CPython does without a server, and Funcdock's share of it with one worker."""
    share = statistics.median(sample.per_second / rate for sample, rate in zip(funcdock, alone))
    print(
        f"without a server, one core: {statistics.median(alone):.0f} calls/s (lowest {min(alone):.0f}, "
        f"highest {max(alone):.0f}); funcdock:1 reaches {share:.0%} of it"
    )


def report_best(servers: list[Server], samples: dict[str, list[Sample]]) -> None:
    """Prints Funcdock's best worker count against that of each peer, by the median of the rounds' ratios."""

    def best(kind: str) -> str:
        names = [server.name for server in servers if server.kind == kind]
        return max(names, key=lambda name: statistics.median(s.per_second for s in samples[name]))

    own = best("funcdock")
    for kind in dict.fromkeys(server.kind for server in servers if server.kind != "funcdock"):
        name = best(kind)
        pairs = list(zip(samples[own], samples[name]))
        throughput = statistics.median(a.per_second / b.per_second for a, b in pairs)
        latency = statistics.median(a.p99_ms / b.p99_ms for a, b in pairs)
        print(f"{own} against {name}: {throughput:.2f}x the requests/s, {latency:.2f}x the p99")


if __name__ == "__main__":
    main()
