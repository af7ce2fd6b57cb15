"""Starts processes for web_perf.py, stops them with all that they started, and tells their CPU time."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


class ProcessError(Exception):
    """A process that does not do what it should. The message has the end of its log."""


class Account(NamedTuple):
    """Whose processes they are. None is the account that runs the benchmark."""

    user: int | None = None
    group: int | None = None

    def run(self, command: Sequence[str | Path], folder: Path) -> None:
        """Runs a command to its end."""
        ended = subprocess.run(
            command,
            cwd=folder,
            user=self.user,
            group=self.group,
            extra_groups=None if self.user is None else [],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise ProcessError(f"{command[0]} failed with status {ended.returncode}:\n{ended.stdout}")


class Process(NamedTuple):
    """A process that runs."""

    popen: subprocess.Popen[bytes]
    log: Path

    def failed(self, problem: object) -> ProcessError:
        lines = self.log.read_text(errors="replace").splitlines()[-30:]
        return ProcessError("\n".join([f"{problem} ({' '.join(map(str, self.popen.args))})", *lines]))  # type: ignore[arg-type]

    def wait_for(self, ready: Callable[[], bool], what: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if self.popen.poll() is not None:
                raise self.failed(f"ended with status {self.popen.returncode} before {what}")
            if time.monotonic() > deadline:
                raise self.failed(f"{what}: not within {seconds:.0f} s")
            time.sleep(0.02)

    def wait_for_port(self, port: int) -> None:
        self.wait_for(lambda: is_open(port), f"it listens at port {port}")


@contextlib.contextmanager
def started(
    command: Sequence[str | Path],
    log: Path,
    folder: Path,
    account: Account = Account(),  # noqa: B008
    environment: Mapping[str, str] | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[Process]:
    """Runs a process, in a session of its own: Ctrl+C reaches the benchmark alone, which stops it then."""
    with open(log, "wb") as output:
        popen = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            user=account.user,
            group=account.group,
            extra_groups=None if account.user is None else [],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Process(popen, log)
    finally:
        try:
            popen.send_signal(stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                popen.wait(10)
        finally:
            # Some servers leave their workers behind.
            for stat in all_stats():
                if stat.session == popen.pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(stat.pid, signal.SIGKILL)
            popen.wait()


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Stat(NamedTuple):
    """What the kernel says about a process. `ticks` has those of its children that have ended, too."""

    pid: int
    parent: int
    session: int
    ticks: int


def all_stats() -> list[Stat]:
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in parentheses may have spaces.
            fields = file.read_text().rpartition(")")[2].split()
            ticks = sum(int(field) for field in fields[11:15])
            found.append(Stat(int(file.parent.name), int(fields[1]), int(fields[3]), ticks))
    return found


def cpu_seconds(processes: Iterable[Process]) -> float:
    """Returns the CPU time of processes and of all that they started."""
    stats = all_stats()
    found = {process.popen.pid for process in processes}
    while more := {stat.pid for stat in stats if stat.parent in found} - found:
        found |= more
    return sum(stat.ticks for stat in stats if stat.pid in found) / TICKS
