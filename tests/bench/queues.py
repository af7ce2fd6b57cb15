#!/usr/bin/env python3
"""Measures queues and blobs against Azurite, and breaks what it can meanwhile.

    cargo build --release && FUNCDOCK_TEST_AZURITE=…/azurite tests/bench/queues.py

1. A plain client of Azure's own library takes messages out of a queue: 32 at a time, deleted by 24 threads.
   It is what Azurite and Python can do without a host.
2. One host with one worker handles as many messages, by a function that does nothing.
3. Two hosts of two workers each handle 10,000 messages that take 20 ms, while a worker is killed every 5
   seconds. Each message must be handled at least once, and none may go to the poison queue.
4. A blob of 1 GiB is read in chunks by a function, and copied from one blob to another: the worker's memory
   is measured meanwhile.

The exit status is 1 if a message was lost or poisoned.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import servers
from reload import children, resident_kib

APP = """
import os
import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.queue_trigger(arg_name="message", queue_name="nothing", connection="AzureWebJobsStorage")
def nothing(message: func.QueueMessage) -> None: ...


@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
def work(message: func.QueueMessage) -> None:
    time.sleep(0.02)
    os.write(LOG, b"%s\\n" % message.get_body())


LOG = os.open(os.environ["HANDLED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@app.route("read")
@app.blob_input(arg_name="blob", path="large/source", connection="AzureWebJobsStorage")
def read(req: func.HttpRequest, blob: func.InputStream) -> str:
    total = 0
    while chunk := blob.read(1 << 20):
        total += len(chunk)
    return str(total)


@app.route("copy")
@app.blob_input(arg_name="blob", path="large/source", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="target", path="large/target", connection="AzureWebJobsStorage")
def copy(req: func.HttpRequest, blob: func.InputStream, target: func.Out[func.InputStream]) -> str:
    target.set(blob)
    return "copied"
"""
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
#: Seconds until all messages must be handled.
DEADLINE = 600
KILL_EVERY = 5


class Azurite:
    """The emulator, with a folder of its own."""

    def __init__(self, folder: str) -> None:
        self.blob, self.queue, self.table = servers.free_ports(3)
        self.process = subprocess.Popen(
            [
                os.environ.get("FUNCDOCK_TEST_AZURITE", "azurite"),
                *("--silent", "--skipApiVersionCheck", "--location", folder),
                *("--blobPort", str(self.blob), "--queuePort", str(self.queue)),
                *("--tablePort", str(self.table)),
            ],
            stdout=subprocess.DEVNULL,
        )

    def connection_string(self) -> str:
        account = "devstoreaccount1"
        return (
            f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={KEY};"
            f"BlobEndpoint=http://127.0.0.1:{self.blob}/{account};"
            f"QueueEndpoint=http://127.0.0.1:{self.queue}/{account};"
        )


class Storage:
    """What is in the emulator."""

    def __init__(self, connection: str) -> None:
        # Of the bench's own environment, which may not be that of this interpreter.
        from azure.core.exceptions import ResourceExistsError
        from azure.storage import blob, queue

        self.exists = ResourceExistsError
        self.blobs = blob.BlobServiceClient.from_connection_string(connection)
        self.connection, self.library = connection, queue

    def queue(self, name: str) -> Any:
        client = self.library.QueueClient.from_connection_string(
            self.connection, name, message_encode_policy=self.library.TextBase64EncodePolicy()
        )
        with contextlib.suppress(self.exists):
            client.create_queue()
        return client

    def fill(self, name: str, count: int) -> None:
        client = self.queue(name)
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(lambda number: client.send_message(str(number)), range(count)))

    def left(self, name: str) -> int:
        return int(self.queue(name).get_queue_properties().approximate_message_count)

    def take_all(self, name: str, count: int) -> float:
        """Takes all messages out with a plain client; returns the seconds."""
        client = self.queue(name)
        taken = 0
        begin = time.monotonic()
        with ThreadPoolExecutor(24) as threads:
            while taken < count:
                messages = list(client.receive_messages(messages_per_page=32, max_messages=32))
                taken += len(messages)
                for message in messages:
                    threads.submit(client.delete_message, message)
        return time.monotonic() - begin


class Host:
    """A running host."""

    def __init__(self, app: Path, name: str, storage: str, python: Path, workers: int) -> None:
        self.port = servers.free_ports(1)[0]
        self.log = servers.ROOT / f"target/bench-queues-{name}.log"
        words = ["start", str(app), "--port", str(self.port), "--python", str(python), "--no-reload"]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [servers.ROOT / "target/release/funcdock", *words, "--workers", str(workers), "--no-azurite"],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "AzureWebJobsStorage": storage, "HANDLED": str(app / "handled")},
            )
        deadline = time.monotonic() + 30
        while b"initialized" not in self.log.read_bytes():
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f"the host does not start\n{self.log.read_text()}")
            time.sleep(0.02)

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/{path}", timeout=600) as answer:
            text: str = answer.read().decode()
        return text

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def rates(storage: Storage, app: Path, python: Path, count: int, rounds: int) -> None:
    plain: list[float] = []
    hosted: list[float] = []
    for _ in range(rounds):
        storage.fill("plain", count)
        plain.append(count / storage.take_all("plain", count))
        storage.fill("nothing", count)
        host = Host(app, "rate", storage.connection, python, 1)
        begin = time.monotonic()
        while storage.left("nothing"):
            time.sleep(0.05)
        hosted.append(count / (time.monotonic() - begin))
        host.stop()
    for name, values in (("plain client", plain), ("one host", hosted)):
        spread = f"{min(values):.0f} to {max(values):.0f}"
        print(f"{name}: {statistics.median(values):.0f} messages/s ({spread}, {rounds} rounds of {count})")


def killed(storage: Storage, app: Path, python: Path, count: int) -> bool:
    """Handles messages while workers are killed; returns whether all is well."""
    storage.fill("work", count)
    handled = app / "handled"
    hosts = [Host(app, f"kill-{number}", storage.connection, python, 2) for number in range(2)]
    begin, kills = time.monotonic(), 0
    ends = threading.Event()

    def kill() -> None:
        nonlocal kills
        while not ends.wait(KILL_EVERY):
            workers = [worker for host in hosts for worker in children(host.process.pid)]
            if workers:
                os.kill(random.choice(workers), signal.SIGKILL)
                kills += 1

    killer = threading.Thread(target=kill)
    killer.start()
    counts: collections.Counter[bytes] = collections.Counter()
    while time.monotonic() - begin < DEADLINE:
        counts = collections.Counter(handled.read_bytes().split()) if handled.exists() else counts
        if len(counts) >= count and storage.left("work") == 0:
            break
        time.sleep(0.5)
    seconds = time.monotonic() - begin
    ends.set()
    killer.join()
    poisoned = storage.left("work-poison")
    for host in hosts:
        host.stop()
    twice = sum(1 for number in counts.values() if number > 1)
    left = storage.left("work")
    print(
        f"{len(counts)} of {count} messages handled in {seconds:.0f} s by 2 hosts of 2 workers, "
        f"{kills} workers killed; {twice} handled more than once, {left} left, {poisoned} in the poison queue"
    )
    return len(counts) == count and left == 0 and poisoned == 0


class Peak:
    """The most memory that a process has while this is entered, in KiB."""

    def __init__(self, pid: int) -> None:
        self.pid, self.kib = pid, 0
        self.ends = threading.Event()
        self.watcher = threading.Thread(target=self.watch)

    def watch(self) -> None:
        while not self.ends.wait(0.02):
            self.kib = max(self.kib, resident_kib(self.pid))

    def __enter__(self) -> Peak:
        self.watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ends.set()
        self.watcher.join()


def memory(storage: Storage, app: Path, python: Path, mebibytes: int) -> None:
    container = storage.blobs.get_container_client("large")
    container.create_container()
    chunk = os.urandom(1 << 20)
    container.upload_blob("source", (chunk for _ in range(mebibytes)), length=mebibytes << 20)
    host = Host(app, "memory", storage.connection, python, 1)
    worker = children(host.process.pid)[0]
    idle = resident_kib(worker)
    for path in ("read", "copy"):
        begin = time.monotonic()
        with Peak(worker) as peak:
            answer = host.get(path)
        rate = mebibytes / (time.monotonic() - begin)
        above = (peak.kib - idle) / 1024
        print(f"{path} {mebibytes} MiB: {answer}, {rate:.0f} MiB/s, worker {above:.0f} MiB above idle")
    size = container.get_blob_client("target").get_blob_properties().size
    host.stop()
    if size != mebibytes << 20:
        sys.exit(f"the copy has {size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the app")
    arguments = parser.parse_args()
    folder = servers.ROOT / "target" / "bench-storage-venv"
    python = servers.prepare_environment(arguments.python, folder, "requirements-storage.txt")
    if Path(sys.prefix) != folder:
        os.execv(python, [str(python), __file__, *sys.argv[1:], "--python", str(python)])
    with tempfile.TemporaryDirectory(prefix="funcdock-queues-") as temporary:
        azurite = Azurite(temporary)
        try:
            time.sleep(3)
            storage = Storage(azurite.connection_string())
            app = Path(temporary) / "app"
            app.mkdir()
            (app / "host.json").write_text('{ "version": "2.0" }')
            (app / "function_app.py").write_text(APP)
            rates(storage, app, python, min(arguments.messages, 3000), arguments.rounds)
            is_well = killed(storage, app, python, arguments.messages)
            memory(storage, app, python, arguments.mebibytes)
        finally:
            # Its data are of no use any more.
            azurite.process.kill()
            azurite.process.wait()
    if not is_well:
        sys.exit("messages were lost or poisoned; the hosts' logs are target/bench-queues-*.log")


if __name__ == "__main__":
    main()
