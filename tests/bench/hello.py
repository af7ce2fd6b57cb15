#!/usr/bin/env python3
"""The same hello on Funcdock and its peers: throughput and p99 in one interleaved run.

    cargo build --release --workspace && tests/bench/hello.py

Each server has one worker process. They are all up at the same time and take turns under wrk, round by
round, so that a change of the machine's speed meets them all. Printed are the medians, and the ratios of
Funcdock to each peer as medians of the ratios of each round. Needs wrk; the peers come from PyPI into
target/bench-venv.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import types
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VENV = ROOT / "target" / "bench-venv"
# A collector is another machine's business: at least it does not give each batch's memory back to the system.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "268435456"}
TRACING_VENV = ROOT / "target" / "bench-tracing-venv"
PATH = "/api/hello?name=Ada"
EXPECTED = b"Hello, Ada!"


class Server(NamedTuple):
    """A server under test."""

    name: str
    command: list[str]
    port: int
    environment: Mapping[str, str] = types.MappingProxyType({})


class Sample(NamedTuple):
    """One round of one server."""

    per_second: float
    p99_ms: float
    requests: int


class Collector:
    """Receives spans in a process of its own, and compares their number with that of the calls."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.calls = 0
        binary = ROOT / "target/release/otlp-count"
        self._process = subprocess.Popen(
            [binary, f"127.0.0.1:{self.port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **KEEP_MEMORY},
        )

    def report(self) -> None:
        """Prints how many spans came, after all have flushed them: those of FastAPI among them."""
        count, _ = self._process.communicate("\n")
        print(f"traced: {self.calls} calls of funcdock-traced under wrk, {int(count)} spans received in all")


def main() -> None:
    arguments = parse_arguments()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: install it (Debian: apt-get install wrk)")
    python = prepare_environment(arguments.python)
    chosen = arguments.servers.split(",") if arguments.servers else None
    ports = free_ports(8)
    all_servers = servers(python, arguments.app, ports)
    collector = None
    if arguments.tracing:
        collector = Collector(ports[5])
        peer = prepare_environment(arguments.python, TRACING_VENV, "requirements-tracing.txt")
        all_servers[1:1] = [
            traced(all_servers[0], "funcdock-traced", ports[4], collector),
            traced(all_servers[0], "funcdock-unsampled", ports[6], collector, sampler="always_off"),
            fastapi_traced(peer, ports[7], collector),
        ]
    if chosen:
        all_servers = [server for server in all_servers if server.name in chosen]
    samples: dict[str, list[Sample]] = {server.name: [] for server in all_servers}
    with contextlib.ExitStack() as stack:
        for server in all_servers:
            stack.enter_context(running(server))
        # The first round is the warm-up.
        for number in range(arguments.rounds + 1):
            # There and back again: none always comes behind the same one.
            for server in all_servers[:: -1 if number % 2 else 1]:
                settle()
                sample = wrk(server, arguments.seconds if number else 1, arguments.connections)
                if collector and server.name == "funcdock-traced":
                    collector.calls += sample.requests
                if number == 0:
                    continue
                samples[server.name].append(sample)
                print(
                    f"round {number} {server.name:<22} {sample.per_second:>9.0f}/s",
                    file=sys.stderr,
                )
    report(samples, arguments)
    if collector:
        report_shares(samples)
        collector.report()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4, help="of each server in each round")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--python", default=sys.executable, help="the interpreter of all servers")
    parser.add_argument("--servers", help="only these, comma separated")
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


def prepare_environment(python: str, folder: Path = VENV, file: str = "requirements.txt") -> Path:
    """A virtual environment with the peers of this file; made when it is missing or the file is newer."""
    stamp = folder / "installed"
    requirements = HERE / file
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        print(f"installing the peers into {folder}", file=sys.stderr)
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "-q", "-r", requirements], check=True)
        stamp.write_text(requirements.read_text())
    return folder / "bin/python"


def servers(python: Path, app: Path, ports: list[int]) -> list[Server]:
    funcdock = ROOT / "target/release/funcdock"
    if not funcdock.exists():
        sys.exit(f"{funcdock} is missing: cargo build --release --workspace")

    def start(port: int) -> list[str]:
        return [str(funcdock), "start", str(app), "--port", str(port), "--python", str(python)]

    def module(*words: str) -> list[str]:
        return [str(python), "-m", *words]

    return [
        Server("funcdock", start(ports[0]), ports[0]),
        Server(
            "granian-wsgi",
            module(
                "granian",
                "--interface",
                "wsgi",
                "--workers",
                "1",
                "--port",
                str(ports[1]),
                "granian_hello:app",
            ),
            ports[1],
        ),
        Server(
            "gunicorn-flask",
            module(
                "gunicorn",
                "--workers",
                "1",
                "--worker-class",
                "gthread",
                "--threads",
                "4",
                "--bind",
                f"127.0.0.1:{ports[2]}",
                "flask_hello:app",
            ),
            ports[2],
        ),
        Server(
            "uvicorn-fastapi",
            module(
                "uvicorn",
                "--workers",
                "1",
                "--no-access-log",
                "--log-level",
                "warning",
                "--port",
                str(ports[3]),
                "fastapi_hello:app",
            ),
            ports[3],
        ),
    ]


def traced(plain: Server, name: str, port: int, collector: Collector, **settings: str) -> Server:
    """Funcdock with the tracing extension, which exports the spans that it samples in batches."""
    command = [str(port) if word == str(plain.port) else word for word in plain.command]
    section = "AzureFunctionsJobHost__workerExtensions__opencensus__settings"
    environment = {
        "PYTHON_ENABLE_WORKER_EXTENSIONS": "1",
        f"{section}__endpoint": f"http://127.0.0.1:{collector.port}",
        f"{section}__queue": "65536",
        **{f"{section}__{key}": value for key, value in settings.items()},
    }
    return Server(name, command, port, environment)


def fastapi_traced(python: Path, port: int, collector: Collector) -> Server:
    """FastAPI with OpenTelemetry's instrumentation. It drops what its queue does not hold."""
    words = ["--workers", "1", "--no-access-log", "--log-level", "warning", "--port", str(port)]
    return Server(
        "uvicorn-fastapi-traced",
        [str(python), "-m", "uvicorn", *words, "fastapi_traced:app"],
        port,
        # Within its turn it exports full batches; what is left then leaves before the next one's.
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
        },
    )


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]


@contextlib.contextmanager
def running(server: Server) -> Iterator[None]:
    log = ROOT / "target" / f"bench-{server.name}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            server.command,
            cwd=HERE / "apps",
            env={**os.environ, **server.environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_it_answers(server, process, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_until_it_answers(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    problem: object | None = None
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{PATH}", timeout=5) as answer:
                body = answer.read()
            if body == EXPECTED:
                return
            problem = body
            break
        except OSError as error:
            problem = error
            time.sleep(0.05)
    sys.exit(f"{server.name} does not serve the hello: {problem}\n{log.read_text()}")


def settle() -> None:
    """Waits for an idle machine: what a server still does behind its turn is not to slow the next one."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        before = cpu_times()
        time.sleep(0.3)
        idle, all_states = (after - earlier for after, earlier in zip(cpu_times(), before))
        if idle > 0.95 * all_states:
            return


def cpu_times() -> tuple[int, int]:
    """How long all cores have been idle, and in any state, in ticks."""
    states = [int(state) for state in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return states[3] + states[4], sum(states)


def wrk(server: Server, seconds: int, connections: int) -> Sample:
    url = f"http://127.0.0.1:{server.port}{PATH}"
    command = ["wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    errors = re.search(r"(Non-2xx.*|Socket errors: .*)", text)
    if errors and server.name.startswith("funcdock"):
        sys.exit(f"{server.name}: {errors.group(1)}")
    per_second = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))  # type: ignore[union-attr]
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    requests = int(re.search(r"(\d+) requests in", text).group(1))  # type: ignore[union-attr]
    return Sample(per_second, float(value) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit], requests)


def report(samples: dict[str, list[Sample]], arguments: argparse.Namespace) -> None:
    print(
        f"{arguments.rounds} rounds of {arguments.seconds} s, {arguments.connections} connections, "
        f"one worker each, {os.cpu_count()} cores; medians"
    )
    names = list(samples)
    first = samples[names[0]]
    print(f"{'server':<22} {'requests/s':>11} {'p99 ms':>8} {names[0] + ' / it':>15} {'p99 ratio':>10}")
    for name in names:
        own = samples[name]
        per_second = statistics.median(sample.per_second for sample in own)
        p99 = statistics.median(sample.p99_ms for sample in own)
        throughput = statistics.median(a.per_second / b.per_second for a, b in zip(first, own))
        latency = statistics.median(a.p99_ms / b.p99_ms for a, b in zip(first, own))
        print(f"{name:<22} {per_second:>11.0f} {p99:>8.2f} {throughput:>14.2f}x {latency:>9.2f}x")


def report_shares(samples: dict[str, list[Sample]]) -> None:
    """What tracing leaves of the throughput."""
    plain = samples.get("funcdock", [])
    for name in ("funcdock-traced", "funcdock-unsampled"):
        shares = [own.per_second / of.per_second for own, of in zip(samples.get(name, []), plain)]
        if shares:
            print(f"{name}: {statistics.median(shares):.1%} of funcdock's requests/s")


if __name__ == "__main__":
    main()
