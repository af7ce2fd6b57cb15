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
import contextlib
import json
import os
import platform
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
# A real collector runs on another machine. This at least saves the cost of returning memory per batch.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "268435456"}
TRACING_VENV = ROOT / "target" / "bench-tracing-venv"
PATH = "/api/hello?name=Ada"
EXPECTED = b"Hello, Ada!"


# Prints the versions of Python and of the servers, frameworks and instrumentation of an environment.
VERSIONS = """
import importlib.metadata, json, platform
names = (
    "azure-functions", "granian", "gunicorn", "flask", "werkzeug", "uvicorn", "uvloop", "httptools",
    "fastapi", "starlette", "opentelemetry-sdk", "opentelemetry-instrumentation-fastapi",
)
found = [("python", platform.python_version())]
for name in names:
    try:
        found.append((name, importlib.metadata.version(name)))
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""
NOTHING: Mapping[str, str] = types.MappingProxyType({})
CORES = os.cpu_count() or 1


class Peer(NamedTuple):
    """The way to run a peer: each worker count is a separate server."""

    kind: str
    workers: tuple[int, ...]
    words: str


UVICORN = "uvicorn --workers {workers} --no-access-log --log-level warning --port {port}"
GRANIAN = "granian --workers {workers} --port {port} --interface"
GUNICORN = "gunicorn --workers {workers} --bind 127.0.0.1:{port}"
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


class Server(NamedTuple):
    """A server under test."""

    kind: str
    workers: int
    command: list[str]
    port: int
    environment: Mapping[str, str] = NOTHING

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.workers}"


class Sample(NamedTuple):
    """One round of one server."""

    per_second: float
    p99_ms: float
    requests: int


class Collector:
    """Receives spans in its own process, and compares their number with that of the calls."""

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
        """Prints the number of received spans, including FastAPI's, after all servers have flushed."""
        count, _ = self._process.communicate("\n")
        print(f"traced: {self.calls} calls of funcdock-traced under wrk, {int(count)} spans received in all")


def main() -> None:
    arguments = parse_arguments()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: install it (Debian: apt-get install wrk)")
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
    samples: dict[str, list[Sample]] = {server.name: [] for server in all_servers}
    with contextlib.ExitStack() as stack:
        for server in all_servers:
            stack.enter_context(running(server))
        # The first round is the warm-up.
        for number in range(arguments.rounds + 1):
            # The order alternates, so that a server does not always follow the same one.
            for server in all_servers[:: -1 if number % 2 else 1]:
                wait_until_idle()
                sample = wrk(server, arguments.seconds if number else 1, arguments.connections)
                if collector and server.kind == "funcdock-traced":
                    collector.calls += sample.requests
                if number == 0:
                    continue
                samples[server.name].append(sample)
                print(
                    f"round {number} {server.name:<25} {sample.per_second:>9.0f}/s",
                    file=sys.stderr,
                )
    report(samples, arguments)
    if collector:
        report_shares(samples)
        collector.report()
    report_versions(environments)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4, help="of each server in each round")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--python", default=sys.executable, help="the interpreter of all servers")
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


def prepare_environment(python: str, folder: Path = VENV, file: str = "requirements.txt") -> Path:
    """Returns a virtual environment with the peers of this file. Makes it if it is missing or outdated."""
    stamp = folder / "installed"
    requirements = HERE / file
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        print(f"installing the peers into {folder}", file=sys.stderr)
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "-q", "-r", requirements], check=True)
        stamp.write_text(requirements.read_text())
    return folder / "bin/python"


def funcdocks(python: Path, app: Path, ports: Iterator[int]) -> list[Server]:
    """Returns Funcdock with one worker, its default, and with one per core."""
    funcdock = ROOT / "target/release/funcdock"
    if not funcdock.exists():
        sys.exit(f"{funcdock} is missing: cargo build --release")
    found = []
    for workers in sorted({1, CORES}):
        port = next(ports)
        command = [str(funcdock), "start", str(app), "--port", str(port), "--python", str(python)]
        environment = {"FUNCTIONS_WORKER_PROCESS_COUNT": str(workers)}
        found.append(Server("funcdock", workers, command, port, environment))
    return found


def peers(
    python: Path, kinds: list[Peer], ports: Iterator[int], environment: Mapping[str, str] = NOTHING
) -> list[Server]:
    found = []
    for peer in kinds:
        for workers in sorted(set(peer.workers)):
            port = next(ports)
            words = peer.words.format(workers=workers, port=port).split()
            command = [str(python), "-m", *words]
            found.append(Server(peer.kind, workers, command, port, environment))
    return found


def traced(plain: Server, kind: str, port: int, collector: Collector, **settings: str) -> Server:
    """Returns Funcdock with the tracing extension, which exports sampled spans in batches."""
    command = [str(port) if word == str(plain.port) else word for word in plain.command]
    section = "AzureFunctionsJobHost__workerExtensions__opencensus__settings"
    environment = {
        **plain.environment,
        "PYTHON_ENABLE_WORKER_EXTENSIONS": "1",
        f"{section}__endpoint": f"http://127.0.0.1:{collector.port}",
        f"{section}__queue": "65536",
        **{f"{section}__{key}": value for key, value in settings.items()},
    }
    return Server(kind, plain.workers, command, port, environment)


def exporting(collector: Collector) -> Mapping[str, str]:
    """Returns the settings of OpenTelemetry's exporter, which drops spans when its queue is full."""
    # It exports full batches during its turn, and the remaining spans before the next server's turn.
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
    }


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]


@contextlib.contextmanager
def running(server: Server) -> Iterator[None]:
    log = ROOT / "target" / f"bench-{server.kind}-{server.workers}.log"
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


def wait_until_idle() -> None:
    """Waits for an idle machine, so that work after one server's turn does not slow the next one."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        before = cpu_times()
        time.sleep(0.3)
        idle, all_states = (after - earlier for after, earlier in zip(cpu_times(), before))
        if idle > 0.95 * all_states:
            return


def cpu_times() -> tuple[int, int]:
    """Returns the ticks that all cores have been idle, and in any state."""
    states = [int(state) for state in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return states[3] + states[4], sum(states)


def wrk(server: Server, seconds: int, connections: int) -> Sample:
    url = f"http://127.0.0.1:{server.port}{PATH}"
    command = ["wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    errors = re.search(r"(Non-2xx.*|Socket errors: .*)", text)
    if errors and server.kind.startswith("funcdock"):
        sys.exit(f"{server.name}: {errors.group(1)}")
    if errors:
        print(f"{server.name}: {errors.group(1)}", file=sys.stderr)
    per_second = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))  # type: ignore[union-attr]
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    requests = int(re.search(r"(\d+) requests in", text).group(1))  # type: ignore[union-attr]
    return Sample(per_second, float(value) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit], requests)


def report(samples: dict[str, list[Sample]], arguments: argparse.Namespace) -> None:
    print(
        f"{arguments.rounds} rounds of {arguments.seconds} s, {arguments.connections} connections, "
        f"{CORES} cores; medians, and the lowest and highest round"
    )
    names = list(samples)
    first = samples[names[0]]
    print(
        f"{'server:workers':<25} {'requests/s':>11} {'lowest':>8} {'highest':>8} {'p99 ms':>8} "
        f"{names[0] + ' / it':>15} {'p99 ratio':>10}"
    )
    for name in names:
        own = samples[name]
        rates = [sample.per_second for sample in own]
        p99 = statistics.median(sample.p99_ms for sample in own)
        throughput = statistics.median(a.per_second / b.per_second for a, b in zip(first, own))
        latency = statistics.median(a.p99_ms / b.p99_ms for a, b in zip(first, own))
        print(
            f"{name:<25} {statistics.median(rates):>11.0f} {min(rates):>8.0f} {max(rates):>8.0f} {p99:>8.2f} "
            f"{throughput:>14.2f}x {latency:>9.3f}x"
        )


def report_shares(samples: dict[str, list[Sample]]) -> None:
    """Prints the throughput with tracing as a share of the throughput without."""
    plain = samples.get("funcdock:1", [])
    for name in ("funcdock-traced:1", "funcdock-unsampled:1"):
        shares = [own.per_second / of.per_second for own, of in zip(samples.get(name, []), plain)]
        if shares:
            print(f"{name}: {statistics.median(shares):.1%} of funcdock:1's requests/s")


def report_versions(environments: dict[str, Path]) -> None:
    """Prints the versions and the machine."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    wrk = subprocess.run(["wrk", "-v"], check=False, capture_output=True, text=True).stdout.split("[")[0]
    print(f"machine: {model.group(1) if model else platform.machine()}, {CORES} cores, {platform.release()}")
    funcdock = ROOT / "target/release/funcdock"
    version = subprocess.run([funcdock, "--version"], check=True, capture_output=True, text=True).stdout
    print(f"{version.strip()}; {wrk.strip()}")
    for name, python in environments.items():
        found = subprocess.run([python, "-c", VERSIONS], check=True, capture_output=True, text=True).stdout
        print(f"{name}: {', '.join(' '.join(pair) for pair in json.loads(found))}")


if __name__ == "__main__":
    main()
