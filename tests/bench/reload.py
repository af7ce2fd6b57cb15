#!/usr/bin/env python3
"""Edits an app again and again while clients ask it, and measures what they notice.

    cargo build --release && tests/bench/reload.py

Clients ask 1,000 times a second while the function's file is saved 200 times, each time when the last edit
is served. Every request must be answered with 200, and none with an older version than an answer that was
there before the request began. It prints the time from saving to the first answer of the new code, and the
memory of the supervisor and of the worker early and late. The exit status is 1 if a request failed or an
old version came back.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import servers

CODE = "import azure.functions as func\n\n\ndef main(req: func.HttpRequest) -> str:\n    return 'VERSION'\n"
FUNCTION = """{ "bindings": [
    { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
    { "type": "http", "direction": "out", "name": "$return" } ] }"""
REQUEST = b"GET /api/answer HTTP/1.1\r\nHost: localhost\r\n\r\n"
CONNECTIONS = 8
#: After so many edits the memory is measured first: what is loaded once is loaded by then.
EARLY = 20
#: Seconds until an edit must be served.
DEADLINE = 30


class Clients:
    """What all clients together have seen."""

    def __init__(self, port: int, rate: float) -> None:
        self.port = port
        self.pause = CONNECTIONS / rate
        self.newest = 0
        self.answered = 0
        self.reconnected = 0
        self.failures: list[str] = []
        self.changed = asyncio.Event()
        self.ends = False

    async def ask(self) -> None:
        """Asks at an even pace until told to end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        due = time.monotonic()
        while not self.ends:
            due += self.pause
            await asyncio.sleep(max(0, due - time.monotonic()))
            before = self.newest
            writer.write(REQUEST)
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1]) if length else 0)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                self.failures.append(f"no answer: {error}")
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                continue
            if not head.startswith("HTTP/1.1 200"):
                self.failures.append(head.split("\r\n", 1)[0])
                continue
            version = int(body)
            if version < before:
                self.failures.append(f"{version} answers after {before}")
            if version > self.newest:
                self.newest = version
                self.changed.set()
            self.answered += 1
            if "connection: close" in head.lower():
                self.reconnected += 1
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()

    async def wait_for(self, version: int) -> None:
        while self.newest < version:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), DEADLINE)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--rate", type=int, default=1000, help="requests a second")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the app")
    arguments = parser.parse_args()
    python = servers.prepare_environment(arguments.python)
    port = servers.free_ports(1)[0]
    with tempfile.TemporaryDirectory(prefix="funcdock-reload-") as folder:
        app = Path(folder)
        (app / "answer").mkdir()
        (app / "host.json").write_text('{ "version": "2.0" }')
        (app / "answer/function.json").write_text(FUNCTION)
        script = app / "answer/__init__.py"
        script.write_text(CODE.replace("VERSION", "0"))
        words = ["start", str(app), "--port", str(port), "--python", str(python), "--reload"]
        log = servers.ROOT / "target/bench-reload.log"
        with log.open("wb") as output:
            host = subprocess.Popen(
                [servers.ROOT / "target/release/funcdock", *words],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until_it_listens(host, log)
            failures = asyncio.run(edit(script, Clients(port, arguments.rate), host.pid, arguments))
        finally:
            host.terminate()
            host.wait(60)
    if failures:
        print(*failures[:10], sep="\n")
        sys.exit(f"{len(failures)} requests failed; the host's log is {log}")


async def edit(script: Path, clients: Clients, host: int, arguments: argparse.Namespace) -> list[str]:
    """Saves the file again and again, and prints what was seen; returns the failures."""
    tasks = [asyncio.create_task(clients.ask()) for _ in range(CONNECTIONS)]
    took: list[float] = []
    memory: dict[int, tuple[int, int]] = {}
    begin = time.monotonic()
    for version in range(1, arguments.edits + 1):
        new = script.with_suffix(".new")
        new.write_text(CODE.replace("VERSION", str(version)))
        saved = time.monotonic()
        new.replace(script)
        await clients.wait_for(version)
        took.append((time.monotonic() - saved) * 1000)
        if version in (EARLY, arguments.edits):
            # The old worker is on its way out.
            await asyncio.sleep(1)
            memory[version] = (resident_kib(host), max(map(resident_kib, children(host))))
    seconds = time.monotonic() - begin
    clients.ends = True
    await asyncio.gather(*tasks)
    print(
        f"{arguments.edits} edits in {seconds:.0f} s, {clients.answered} requests answered "
        f"({clients.answered / seconds:.0f} a second), {len(clients.failures)} failed, "
        f"{clients.reconnected} connections ended"
    )
    quartiles = statistics.quantiles(took, n=4)
    print(
        f"save to new code: {statistics.median(took):.0f} ms "
        f"(quartiles {quartiles[0]:.0f} and {quartiles[2]:.0f}, most {max(took):.0f})"
    )
    for version, (supervisor, worker) in memory.items():
        print(f"after {version} edits: supervisor {supervisor} KiB, worker {worker} KiB")
    return clients.failures


def wait_until_it_listens(host: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and host.poll() is None:
        if b"initialized" in log.read_bytes():
            return
        time.sleep(0.05)
    sys.exit(f"the host does not start\n{log.read_text()}")


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident_kib(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


if __name__ == "__main__":
    main()
