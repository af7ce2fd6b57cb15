#!/usr/bin/env python3
"""Compares the same hello on Funcdock and its peers: throughput and p99 in one interleaved run.

    cargo build --release && tests/bench/hello.py

The peers run as their own documentation says, with the worker counts that were best in trials:
`gunicorn-flask:5` is gunicorn with Flask and 5 worker processes. All servers run at the same time and take
turns under wrk, round by round, so that a change of the machine's speed affects all of them. It prints
medians, the lowest and the highest round, and the ratios of Funcdock with one worker to each other server,
as medians of the ratios of each round. Needs wrk; the peers come from PyPI into target/bench-venv.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import servers
from collector import Collector, exporting, traced
from servers import (
    CORES,
    GRANIAN,
    GUNICORN,
    HERE,
    ROOT,
    UVICORN,
    Peer,
    Sample,
    Server,
    free_ports,
    funcdocks,
    peers,
    prepare_environment,
    report,
    report_versions,
    take_turns,
)

TRACING_VENV = ROOT / "target" / "bench-tracing-venv"

PEERS = [
    Peer("granian-wsgi", (1,), f"{GRANIAN} wsgi granian_hello:app"),
    # Its documentation: start with as many workers as cores, and use very few blocking threads if the app
    # answers within a millisecond.
    Peer("granian-wsgi-1thread", (1, CORES), f"{GRANIAN} wsgi --blocking-threads 1 granian_hello:app"),
    Peer("granian-asgi", (1,), f"{GRANIAN} asgi granian_asgi_hello:app"),
    Peer("granian-rsgi", (1,), f"{GRANIAN} rsgi granian_rsgi_hello:app"),
    # The recommended number of workers. Default workers close each connection, threaded ones do not.
    Peer("gunicorn-flask", (2 * CORES + 1,), f"{GUNICORN} flask_hello:app"),
    Peer("gunicorn-gthread4-flask", (2 * CORES + 1,), f"{GUNICORN} --threads 4 flask_hello:app"),
    Peer("uvicorn-fastapi", (1, CORES), f"{UVICORN} fastapi_hello:app"),
]
TRACED_PEERS = [Peer("uvicorn-fastapi-traced", (CORES,), f"{UVICORN} fastapi_traced:app")]


def main() -> None:
    arguments = parse_arguments()
    python = prepare_environment(arguments.python)
    ports = iter(free_ports(32))
    all_servers = [*funcdocks(python, arguments.app, ports), *peers(python, PEERS, ports)]
    environments = {"peers": python}
    collector = None
    if arguments.tracing:
        collector = Collector(next(ports))
        tracing = prepare_environment(arguments.python, TRACING_VENV, "requirements-tracing.txt")
        environments["tracing peers"] = tracing
        all_servers[1:1] = [
            traced(all_servers[0], "funcdock-traced", next(ports), collector),
            traced(all_servers[0], "funcdock-unsampled", next(ports), collector, sampler="always_off"),
        ]
        all_servers += peers(tracing, TRACED_PEERS, ports, exporting(collector))
    if arguments.servers:
        chosen = arguments.servers.split(",")
        all_servers = [s for s in all_servers if s.name in chosen or s.kind in chosen]

    def count(server: Server, sample: Sample) -> None:
        if collector and server.kind == "funcdock-traced":
            collector.calls += sample.requests

    samples = take_turns(all_servers, arguments, after_turn=count)
    report(samples, arguments)
    if collector:
        report_shares(samples)
        collector.report()
    report_versions(environments)


def parse_arguments() -> argparse.Namespace:
    parser = servers.parser(__doc__)
    parser.add_argument(
        "--servers",
        help="only these, comma separated: uvicorn-fastapi:2, or uvicorn-fastapi for each worker count",
    )
    parser.add_argument(
        "--app", type=Path, default=HERE / "apps" / "funcdock", help="the app that Funcdock serves"
    )
    parser.add_argument(
        "--tracing",
        action="store_true",
        help="add Funcdock with the tracing extension, every span exported, and none sampled; and FastAPI "
        "with OpenTelemetry's instrumentation, exporting to the same collector",
    )
    return parser.parse_args()


def report_shares(samples: dict[str, list[Sample]]) -> None:
    """Prints the throughput with tracing as a share of the throughput without."""
    plain = samples.get("funcdock:1", [])
    for name in ("funcdock-traced:1", "funcdock-unsampled:1"):
        shares = [own.per_second / of.per_second for own, of in zip(samples.get(name, []), plain)]
        if shares:
            print(f"{name}: {statistics.median(shares):.1%} of funcdock:1's requests/s")


if __name__ == "__main__":
    main()
