"""Turns of servers in web_perf.py: one is started behind nginx, its answers are checked, wrk measures it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import servers
import web_stack
from servers import HERE
from web_processes import Process, ProcessError, cpu_seconds, started
from web_servers import Kind, Shape
from web_stack import Stack

APPS = HERE / "apps" / "web_perf"
PATH = "/test"
CHECKS = 10


class Sample(NamedTuple):
    """What wrk and the kernel say about a turn."""

    #: Requests with a good answer.
    per_second: float
    p50_ms: float
    p99_ms: float
    p99_9_ms: float
    #: CPU time for a request, in microseconds: the server's, and that of nginx, pgbouncer and PostgreSQL.
    cpu_us: float
    others_us: float
    errors: dict[str, int]


class Site(NamedTuple):
    """A server that answers through nginx."""

    url: str
    server: list[Process]
    nginx: Process


class Turns(NamedTuple):
    """What all turns have in common."""

    stack: Stack
    #: The folders that commands name.
    paths: dict[str, str]
    connections: int

    def measure(self, kind: Kind, shape: Shape, seconds: int) -> Sample:
        ports = servers.free_ports(1 + shape.workers)
        with self.serving(kind, shape, ports) as site:
            # Other workers may still start, after the first one has answered.
            servers.wait_until_idle()
            self.wrk(site, 1)
            return self.wrk(site, seconds)

    @contextlib.contextmanager
    def serving(self, kind: Kind, shape: Shape, ports: Sequence[int]) -> Iterator[Site]:
        """Runs a server and nginx before it, once its answers are right. The first port is nginx's."""
        front, first = ports[:2]
        upstreams = ports[1 : 1 + shape.workers] if kind.is_single else [first]
        with contextlib.ExitStack() as stack:
            processes = []
            for port in upstreams:
                words = kind.words(shape, port, self.paths)
                log = self.stack.folder / f"{kind.name}-{port}.log"
                server = started(words, log, APPS, environment=self.stack.environment)
                processes.append(stack.enter_context(server))
            for process, port in zip(processes, upstreams):
                process.wait_for_port(port)
            nginx = web_stack.nginx(self.stack, front, upstreams, kind.is_uwsgi)
            site = Site(f"http://127.0.0.1:{front}{PATH}", processes, stack.enter_context(nginx))
            for _ in range(CHECKS):
                self.check(site)
            yield site

    def check(self, site: Site) -> None:
        """Gets an answer and compares it with the row of the table that it names."""
        try:
            with urllib.request.urlopen(site.url, timeout=20) as answer:
                kind, body = answer.headers.get_content_type(), answer.read()
            row = json.loads(body)
            is_right = kind == "application/json" and row == web_stack.expected(int(row["a"]))
        except (OSError, ValueError, TypeError, KeyError) as problem:
            raise site.server[0].failed(f"no answer with a row as JSON: {problem}") from problem
        if not is_right or int(row["a"]) >= self.stack.rows:
            raise site.server[0].failed(f"the answer is not a row of the table: {kind}, {body!r}")

    def wrk(self, site: Site, seconds: int) -> Sample:
        others = [site.nginx, *self.stack.processes]
        before = cpu_seconds(site.server), cpu_seconds(others)
        shown = subprocess.run(
            self.wrk_command(site.url, seconds), capture_output=True, text=True, check=False
        )
        after = cpu_seconds(site.server), cpu_seconds(others)
        if shown.returncode:
            raise ProcessError(f"wrk failed with status {shown.returncode}: {shown.stderr}{shown.stdout}")
        found = json.loads(shown.stdout.splitlines()[-1])
        good = found["requests"] - found["errors"]["status"]
        if good <= 0:
            raise site.server[0].failed(f"no good answer to wrk: {found['errors']}")
        return Sample(
            per_second=good / (found["duration"] / 1e6),
            p50_ms=found["p50"] / 1e3,
            p99_ms=found["p99"] / 1e3,
            p99_9_ms=found["p99_9"] / 1e3,
            cpu_us=1e6 * (after[0] - before[0]) / good,
            others_us=1e6 * (after[1] - before[1]) / good,
            errors={name: count for name, count in found["errors"].items() if count},
        )

    def wrk_command(self, url: str, seconds: int) -> list[str]:
        script = str(APPS / "report.lua")
        return ["wrk", "--latency", "-t1", f"-c{self.connections}", f"-d{seconds}s", "-s", script, url]


def paths(python: Path, build: Path) -> dict[str, str]:
    """Returns what the commands of servers are filled with."""
    return {"bin": str(python.parent), "funcdock": str(build / "funcdock")}
