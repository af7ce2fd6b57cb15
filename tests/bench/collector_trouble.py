#!/usr/bin/env python3
"""Measures the cost of tracing while its collector fails: a steady load during every kind of failure.

    cargo build --release && tests/bench/collector_trouble.py

One Funcdock exports its spans to a collector that is up, down, hanging, busy (429, 503 with Retry-After),
sending garbage, and up again; another has the extension without an exporter. They run at the same time and
take turns under the same load. It prints medians. Latencies are measured from when a request was due. It
asserts that no call fails, that memory is bounded, and that the counts of spans are exact: the collector has
acknowledged those that the extension counts as exported, and exported, rejected and dropped spans add up to
the calls.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import collector
from servers import HERE, PATH, ROOT, Server, free_ports, prepare_environment, wait_until_it_answers

SECTION = "AzureFunctionsJobHost__workerExtensions__opencensus__settings"
PHASES = {
    "up": "up",
    "down": "down",
    "hanging": "hanging",
    "429": "429",
    "503, Retry-After: 2": "503 2",
    "garbage": "garbage",
    "up again": "up",
}
# The allowed growth of a worker while spans queue up: a full queue holds 2 MiB of this app's spans.
MAX_GROWTH_MIB = 32


class Collector:
    """Receives spans in its own process, with a behaviour that can be changed."""

    def __init__(self, port: int, protocol: str) -> None:
        self._process = subprocess.Popen(
            [collector.program(), f"127.0.0.1:{port}", protocol],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, mood: str = "") -> int:
        """Changes the behaviour; returns the number of acknowledged spans so far."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(mood + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


class Host:
    """A running Funcdock, and the number of its calls."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.calls = 0
        self.log = ROOT / "target" / f"bench-{server.kind}.log"
        with open(self.log, "wb") as output:
            self._process = subprocess.Popen(
                server.command,
                env={**os.environ, **server.environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until_it_answers(server, self._process, self.log)
        self.calls += 1

    def load(self, arguments: argparse.Namespace, seconds: float) -> dict[str, Any]:
        command = [
            str(ROOT / "target/release/steady-load"),
            f"127.0.0.1:{self.server.port}",
            PATH,
            str(arguments.rate),
            str(seconds),
            str(arguments.connections),
        ]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        done: dict[str, Any] = json.loads(printed)
        self.calls += done["requests"]
        return done

    def resident_mib(self) -> float:
        """Returns the resident memory of all its workers."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in children.split())
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    def flush(self) -> None:
        url = f"http://127.0.0.1:{self.server.port}/admin/extensions/flush"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=20):
            pass

    def stop(self) -> str:
        """Stops the host; returns its log."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
        return self.log.read_text()


class Phase(NamedTuple):
    """The turns of both hosts in a phase."""

    traced: list[dict[str, Any]]
    plain: list[dict[str, Any]]
    resident_mib: float

    @property
    def ratios(self) -> list[float]:
        """Returns the ratio of both hosts' p99 per turn: a change of the machine's speed affects both."""
        pairs = zip(self.traced, self.plain)
        return [traced["p99_ms"] / plain["p99_ms"] for traced, plain in pairs]

    @property
    def failures(self) -> int:
        return sum(turn["failures"] for turn in self.traced)


def median(turns: list[dict[str, Any]], key: str) -> float:
    return float(statistics.median(turn[key] for turn in turns))


def main() -> None:
    arguments = parse_arguments()
    python = Path(arguments.python) if arguments.python else prepare_environment(sys.executable)
    problems: list[str] = []
    for protocol in arguments.protocols.split(","):
        problems += run(protocol, python, arguments)
    for problem in problems:
        print(f"FAILED: {problem}")
    sys.exit(1 if problems else 0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=5000, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60, help="of load on each host, all phases together")
    parser.add_argument("--turns", type=int, default=15, help="of each host in each phase")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--protocols", default="http,grpc")
    parser.add_argument("--python", help="the interpreter of both hosts, with azure-functions")
    return parser.parse_args()


def server(name: str, python: Path, port: int, settings: dict[str, str]) -> Server:
    app = HERE / "apps" / "funcdock"
    funcdock = ROOT / "target/release/funcdock"
    command = [str(funcdock), "start", str(app), "--port", str(port), "--python", str(python)]
    environment = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}
    environment.update({f"{SECTION}__{name}": value for name, value in settings.items()})
    return Server(name, 1, command, port, environment)


def run(protocol: str, python: Path, arguments: argparse.Namespace) -> list[str]:
    traced_port, plain_port, collector_port = free_ports(3)
    exporting = {
        "exporter": "otlp",
        "endpoint": f"http://127.0.0.1:{collector_port}",
        "protocol": {"http": "http/protobuf"}.get(protocol, protocol),
        # Several exports within each phase.
        "timeout_ms": "2000",
    }
    with contextlib.ExitStack() as stack:
        receiver = Collector(collector_port, protocol)
        stack.callback(receiver.close)
        traced = Host(server(f"traced-{protocol}", python, traced_port, exporting))
        stack.callback(traced.stop)
        plain = Host(server("exporter-none", python, plain_port, {"exporter": "none"}))
        stack.callback(plain.stop)
        for host in (traced, plain):
            host.load(arguments, 2)
        before = traced.resident_mib()
        seconds = arguments.seconds / len(PHASES) / arguments.turns
        phases: dict[str, Phase] = {}
        for name, mood in PHASES.items():
            receiver.ask(mood)
            on: list[dict[str, Any]] = []
            off: list[dict[str, Any]] = []
            resident = 0.0
            for turn in range(arguments.turns):
                # They alternate, as the second one finds a machine that has just been busy.
                for host, done in [(traced, on), (plain, off)][:: 1 if turn % 2 else -1]:
                    done.append(host.load(arguments, seconds))
                resident = max(resident, traced.resident_mib())
            phases[name] = Phase(on, off, resident)
        traced.flush()
        log = traced.stop()
        report(protocol, phases, before, arguments)
        return check(protocol, log, traced.calls, receiver.ask(), phases, before)


def report(protocol: str, phases: dict[str, Phase], before: float, arguments: argparse.Namespace) -> None:
    print(
        f"OTLP over {protocol}: {arguments.rate} requests/s for {arguments.seconds:.0f} s on each host, "
        f"{arguments.connections} connections, {os.cpu_count()} cores; {before:.0f} MiB resident before"
    )
    print(
        f"{'collector':<20} {'p50 ms':>7} {'p99 ms':>7} {'p99 off':>8} {'ratio':>6} "
        f"{'max ms':>7} {'failed':>7} {'MiB':>6}"
    )
    for name, phase in phases.items():
        slowest = max(turn["max_ms"] for turn in phase.traced)
        print(
            f"{name:<20} {median(phase.traced, 'p50_ms'):>7.2f} {median(phase.traced, 'p99_ms'):>7.2f} "
            f"{median(phase.plain, 'p99_ms'):>8.2f} {statistics.median(phase.ratios):>5.2f}x {slowest:>7.1f} "
            f"{phase.failures:>7} {phase.resident_mib:>6.1f}"
        )
    ratios = [ratio for phase in phases.values() for ratio in phase.ratios]
    print(f"{'all':<20} {statistics.median(ratios):>31.2f}x")


def check(
    protocol: str, log: str, calls: int, acknowledged: int, phases: dict[str, Phase], before: float
) -> list[str]:
    """Returns the assertions that failed."""
    counts = re.search(r"spans for \S+: (\d+) exported, (\d+) rejected, (\d+) dropped (\(.*\))", log)
    if counts is None:
        return [f"{protocol}: the log has no counts of the spans\n{log}"]
    exported, rejected, dropped = map(int, counts.group(1, 2, 3))
    print(
        f"{calls} calls: {exported} exported ({acknowledged} acknowledged), {rejected} rejected, "
        f"{dropped} dropped {counts.group(4)}\n"
    )
    problems = []
    failures = sum(phase.failures for phase in phases.values())
    if failures:
        problems.append(f"{protocol}: {failures} calls failed")
    if exported != acknowledged:
        problems.append(f"{protocol}: {acknowledged} spans were acknowledged, {exported} counted as exported")
    if exported + rejected + dropped != calls:
        problems.append(f"{protocol}: {exported} + {rejected} + {dropped} spans are not {calls} calls")
    if exported < sum(turn["requests"] for turn in phases["up"].traced):
        problems.append(f"{protocol}: only {exported} spans were exported")
    growth = max(phase.resident_mib for phase in phases.values()) - before
    if growth > MAX_GROWTH_MIB:
        problems.append(f"{protocol}: the worker grew by {growth:.0f} MiB")
    return problems


if __name__ == "__main__":
    main()
