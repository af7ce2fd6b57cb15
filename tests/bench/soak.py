#!/usr/bin/env python3
"""Runs a host under everything that goes wrong, for long, and checks that nothing is lost.

    cargo build --release && tests/bench/soak.py

Three workers serve functions that return, raise, are slow, stream, fork, take too long and hang forever.
Clients stall, reset, and close their half of the connection. SIGHUP replaces all workers each minute. In the
second part workers are killed as well. It asserts

- that each request which arrived whole is answered, unless its client left or its worker was killed;
- that the port never refuses a connection;
- that the sums are exact: spans, calls of native hooks, calls of Python's hooks (in the first part: what a
  killed worker has counted is gone with it);
- that the memory of workers does not grow with the generations, and that of the supervisor does not grow.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from servers import HERE, ROOT, free_ports, prepare_environment

#: The part of each request, and what answers it.
MIX = {
    "sync": (40, {200}),
    "async": (30, {200}),
    "raises": (8, {500}),
    "slow": (5, {200}),
    "stream": (6, {200}),
    "upload": (6, {200}),
    "forks": (2, {200}),
    "late": (1, {504}),
}
#: Ways in which clients behave, by their part.
CLIENTS = {"good": 80, "half-closes": 8, "resets": 6, "stalls": 6}
WORKERS = 3
SETTINGS = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1", "FUNCDOCK_LOG": "info,funcdock=debug"}
# How much more memory late generations of workers may have than early ones.
GROWTH = 1.15


class Tally(NamedTuple):
    """What clients have seen."""

    answered: collections.Counter[str]
    #: Requests that were sent whole, and whose client left.
    left: collections.Counter[str]
    problems: list[str]


class Sample(NamedTuple):
    """The memory of a worker."""

    pid: int
    age: float
    mib: float


class Host:
    def __init__(self, python: Path, port: int) -> None:
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="funcdock-soak-"))
        self.app = self.folder / "app"
        shutil.copytree(HERE / "apps" / "soak", self.app)
        self.log = self.folder / "log"
        command = [str(ROOT / "target/release/funcdock"), "start", str(self.app), "--port", str(port)]
        command += ["--python", str(python), "--workers", str(WORKERS), "--verbose", "--drain-timeout", "20"]
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **SETTINGS},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.started: dict[int, float] = {}

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while "started and initialized" not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the host did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def sample(self) -> list[Sample]:
        now = time.monotonic()
        samples = []
        for pid in self.workers():
            began = self.started.setdefault(pid, now)
            samples.append(Sample(pid, now - began, resident_mib(pid)))
        return samples

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def resident_mib(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def request(path: str, closes: bool) -> bytes:
    body = os.urandom(random.randint(1, 200_000)) if path == "upload" else b""
    method = "POST" if body else "GET"
    connection = "Connection: close\r\n" if closes else ""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} /{path} HTTP/1.1\r\nHost: soak\r\n{connection}{length}\r\n".encode() + body


async def read_answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    if length:
        await reader.readexactly(int(length[1]))
    elif b"chunked" in head.lower():
        while size := int((await reader.readline()).strip(), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    return status


class Clients:
    """The clients of a part."""

    def __init__(self, port: int, tally: Tally) -> None:
        self.port = port
        self.tally = tally
        #: Until when a lost answer is the fault of a kill.
        self.killed_until = 0.0
        self.lost_to_kills = 0
        #: The connections on which there was an answer.
        self.used: dict[asyncio.StreamWriter, bool] = {}

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_connection("127.0.0.1", self.port)
        except OSError as error:
            self.tally.problems.append(f"the port refused a connection: {error}")
            raise

    def problem(self, text: str, sent: float) -> None:
        if sent <= self.killed_until:
            self.lost_to_kills += 1
        else:
            self.tally.problems.append(text)

    async def run(self, until: float, pause: float) -> None:
        """One client, with one request at a time."""
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        while time.monotonic() < until:
            await asyncio.sleep(random.expovariate(1 / pause))
            path = random.choices(list(MIX), [part for part, _ in MIX.values()])[0]
            kind = random.choices(list(CLIENTS), list(CLIENTS.values()))[0]
            if writer is None or reader is None or kind != "good" or writer.is_closing() or reader.at_eof():
                if writer is not None:
                    writer.close()
                try:
                    reader, writer = await self.connect()
                except OSError:
                    reader = writer = None
                    continue
            try:
                keeps = await self.exchange(kind, path, reader, writer)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                keeps = False
            if not keeps:
                writer.close()
                reader = writer = None
        if writer is not None:
            writer.close()

    async def exchange(
        self, kind: str, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Sends one request; returns whether the connection goes on."""
        data = request(path, closes=kind == "half-closes")
        if kind == "stalls":
            # Never whole: the host may wait for it, and must not count it.
            writer.write(data[: len(data) // 2])
            await writer.drain()
            await asyncio.sleep(random.choice([0.1, 1.0, 8.0]))
            return False
        sent = time.monotonic()
        writer.write(data)
        try:
            await writer.drain()
        except OSError:
            # An idle connection that the host has just closed: it has read nothing of this.
            return False
        if kind == "resets":
            self.tally.left[path] += 1
            await asyncio.sleep(random.choice([0, 0.01]))
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        if kind == "half-closes":
            writer.write_eof()
        try:
            status = await asyncio.wait_for(read_answer(reader), 30)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            partial = getattr(error, "partial", b"")
            if kind == "good" and not partial and time.monotonic() - sent < 0.05 and self.was_idle(writer):
                # The host closed an idle connection while the request was on its way.
                return False
            self.problem(f"{kind} {path}: no whole answer after {time.monotonic() - sent:.3f} s", sent)
            return False
        except asyncio.TimeoutError:
            self.problem(f"{kind} {path}: no answer", sent)
            return False
        self.tally.answered[path] += 1
        self.used[writer] = True
        if status not in MIX.get(path, (0, {504}))[1]:
            self.problem(f"{kind} {path}: {status}", sent)
        return kind == "good"

    def was_idle(self, writer: asyncio.StreamWriter) -> bool:
        return self.used.pop(writer, False)

    async def hang(self) -> None:
        """A call that never ends; its worker is replaced."""
        reader, writer = await self.connect()
        writer.write(request("hangs", closes=True))
        sent = time.monotonic()
        try:
            status = await asyncio.wait_for(read_answer(reader), 30)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            self.problem("hangs: no answer", sent)
        else:
            self.tally.answered["hangs"] += 1
            if status != 504:
                self.problem(f"hangs: {status}", sent)
        writer.close()


async def part(host: Host, seconds: float, clients: int, kills: bool) -> tuple[Tally, list[Sample], int]:
    tally = Tally(collections.Counter(), collections.Counter(), [])
    load = Clients(host.port, tally)
    began = time.monotonic()
    until = began + seconds
    running = [asyncio.create_task(load.run(until, pause=0.1)) for _ in range(clients)]
    samples: list[Sample] = []
    reload_at, hang_at, kill_at = began + 60, began + 25, began + 10
    while time.monotonic() < until:
        await asyncio.sleep(1)
        samples += host.sample()
        now = time.monotonic()
        if now >= reload_at:
            host.process.send_signal(signal.SIGHUP)
            reload_at += 60
        if now >= hang_at and until - now > 10:
            running.append(asyncio.create_task(load.hang()))
            hang_at += 45
        if kills and now >= kill_at:
            load.killed_until = now + 5
            os.kill(random.choice(host.workers()), signal.SIGKILL)
            kill_at += 20
    await asyncio.gather(*running)
    return tally, samples, load.lost_to_kills


def statistics_of(log: str) -> collections.Counter[str]:
    """Returns the counts of the hooks of all workers that have drained."""
    counts: collections.Counter[str] = collections.Counter()
    for text in re.findall(r"worker \d+: (\[.*\])", log):
        for extension in json.loads(text):
            for hook, numbers in extension.get("hooks", {}).items():
                counts[f"{extension['name']} {hook}"] += numbers["calls"]
    return counts


def spans_of(folder: Path) -> int:
    """Returns the number of spans of calls."""
    count = 0
    for file in folder.glob("spans*"):
        for line in file.read_text().splitlines():
            for resource in json.loads(line)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    count += sum(span["kind"] == 2 for span in scope["spans"])
    return count


def python_counts(folder: Path) -> collections.Counter[str]:
    counts: collections.Counter[str] = collections.Counter()
    for file in folder.glob("counts-*.json"):
        counts.update(json.loads(file.read_text()))
    return counts


def check_memory(samples: list[Sample]) -> tuple[str, list[str]]:
    """Compares workers of the same age: those of the first third with those of the last."""
    by_pid: dict[int, list[Sample]] = {}
    for sample in samples:
        by_pid.setdefault(sample.pid, []).append(sample)
    peaks = [max(sample.mib for sample in life) for life in by_pid.values() if len(life) > 20]
    third = max(1, len(peaks) // 3)
    early, late = max(peaks[:third]), max(peaks[-third:])
    text = f"{len(by_pid)} workers; peaks of early ones {early:.0f} MiB, of late ones {late:.0f} MiB"
    return text, [f"memory grows: {text}"] if late > early * GROWTH else []


def run(name: str, python: Path, seconds: float, clients: int, kills: bool) -> list[str]:
    host = Host(python, free_ports(1)[0])
    host.wait_until_ready()
    supervisor = resident_mib(host.process.pid)
    tally, samples, lost = asyncio.run(part(host, seconds, clients, kills))
    supervisor_after = resident_mib(host.process.pid)
    code = host.stop()
    log = host.log.read_text(errors="replace")
    problems = list(tally.problems)
    hooks, python_hooks = statistics_of(log), python_counts(host.app)
    spans = spans_of(host.app / "spans")
    answered, left = sum(tally.answered.values()), sum(tally.left.values())
    print(f"{name}: {seconds:.0f} s, {clients} clients, {WORKERS} workers, exit code {code}")
    print(f"  answered {answered} {dict(tally.answered)}, left {left}, lost with killed workers {lost}")
    print(f"  spans {spans}, hooks {dict(hooks)}, in Python {dict(python_hooks)}")
    memory, grown = check_memory(samples)
    print(f"  {memory}; the supervisor {supervisor:.0f} MiB, then {supervisor_after:.0f} MiB")
    problems += grown
    if supervisor_after > supervisor + 8:
        problems.append(f"the supervisor grows: {supervisor:.0f} to {supervisor_after:.0f} MiB")
    if not kills:
        pre, post = hooks["opencensus pre_invocation"], hooks["opencensus post_invocation"]
        if not spans == pre == post:
            problems.append(f"spans {spans}, pre hooks {pre}, post hooks {post}")
        if not answered <= spans <= answered + left:
            problems.append(f"answered {answered}, left {left}, but {spans} spans")
        hung = tally.answered["hangs"]
        if python_hooks["pre"] - python_hooks["post"] > hung:
            problems.append(f"Python's hooks: {dict(python_hooks)} with {hung} hung calls")
    if "panicked" in log:
        problems.append("something panicked")
    if problems:
        print(f"  the log is {host.log}")
        for problem, times in collections.Counter(problems).most_common(20):
            print(f"  FAILED {times} x: {problem}")
    else:
        shutil.rmtree(host.folder)
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=1200, help="of both parts together")
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--python", help="the interpreter, with azure-functions")
    arguments = parser.parse_args()
    python = Path(arguments.python) if arguments.python else prepare_environment(sys.executable)
    problems = run("without kills", python, arguments.seconds * 0.6, arguments.clients, kills=False)
    problems += run("with kills", python, arguments.seconds * 0.4, arguments.clients, kills=True)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
