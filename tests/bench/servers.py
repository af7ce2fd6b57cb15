"""Servers for the benchmarks: how they are started, take turns under wrk, and are reported."""

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VENV = ROOT / "target" / "bench-venv"
PATH = "/api/hello?name=Ada"
EXPECTED = b"Hello, Ada!"

# Prints the versions of Python and of the servers, frameworks and instrumentation of an environment.
VERSIONS = """
import importlib.metadata, json, platform
names = (
    "azure-functions", "granian", "gunicorn", "flask", "werkzeug", "uvicorn", "uvloop", "httptools",
    "fastapi", "starlette", "opentelemetry-sdk", "opentelemetry-instrumentation-fastapi",
    "aiohttp", "asyncpg", "bottle", "daphne", "falcon", "fastpysgi", "psycopg", "sanic", "tornado", "pyuwsgi",
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


class Server(NamedTuple):
    """A server under test."""

    kind: str
    workers: int
    command: list[str]
    port: int
    environment: Mapping[str, str] = NOTHING
    path: str = PATH
    #: A script of wrk that makes other requests than GET.
    script: Path | None = None

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.workers}"


class Sample(NamedTuple):
    """One round of one server."""

    per_second: float
    p99_ms: float
    requests: int


def parser(description: str | None, seconds: int = 4, rounds: int = 7) -> argparse.ArgumentParser:
    """Returns a parser of the options that all comparisons have. `description` is the script's own text."""
    found = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--rounds", type=int, default=rounds)
    found.add_argument("--seconds", type=int, default=seconds, help="of each server in each round")
    found.add_argument("--connections", type=int, default=64)
    found.add_argument("--python", default=sys.executable, help="the interpreter of all servers")
    return found


def take_turns(
    servers: Sequence[Server],
    arguments: argparse.Namespace,
    before_round: Callable[[int], None] = lambda _: None,
    after_turn: Callable[[Server, Sample], None] = lambda *_: None,
) -> dict[str, list[Sample]]:
    """Runs all servers at the same time, and each under wrk in each round. Returns the samples by name.

    A change of the machine's speed so affects all of them. The first round, number 0, is the warm-up, and has
    no samples.
    """
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: install it (Debian: apt-get install wrk)")
    samples: dict[str, list[Sample]] = {server.name: [] for server in servers}
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.enter_context(running(server))
        for number in range(arguments.rounds + 1):
            before_round(number)
            # The order alternates, so that a server does not always follow the same one.
            for server in servers[:: -1 if number % 2 else 1]:
                wait_until_idle()
                sample = wrk(server, arguments.seconds if number else 1, arguments.connections)
                after_turn(server, sample)
                if number:
                    samples[server.name].append(sample)
                    print(f"round {number} {server.name:<25} {sample.per_second:>9.0f}/s", file=sys.stderr)
    return samples


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
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{server.path}", timeout=5) as answer:
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
    url = f"http://127.0.0.1:{server.port}{server.path}"
    script = ["-s", str(server.script)] if server.script else []
    command = ["wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s", *script, url]
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


def report_versions(
    environments: dict[str, Path], funcdocks: Sequence[Path] = (ROOT / "target/release/funcdock",)
) -> None:
    """Prints the versions and the machine."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    wrk = subprocess.run(["wrk", "-v"], check=False, capture_output=True, text=True).stdout.split("[")[0]
    print(f"machine: {model.group(1) if model else platform.machine()}, {CORES} cores, {platform.release()}")
    for funcdock in funcdocks:
        version = subprocess.run([funcdock, "--version"], check=True, capture_output=True, text=True).stdout
        print(f"{version.strip()} ({funcdock.parent})")
    print(wrk.strip())
    for name, python in environments.items():
        found = subprocess.run([python, "-c", VERSIONS], check=True, capture_output=True, text=True).stdout
        print(f"{name}: {', '.join(' '.join(pair) for pair in json.loads(found))}")
