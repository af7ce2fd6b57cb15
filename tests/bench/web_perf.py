#!/usr/bin/env python3
"""Repeats the benchmark of the article "Async Python is not faster": a row by a random key, as JSON.

    cargo build --release && tests/bench/web_perf.py

nginx is in front, pgbouncer (transaction mode) and PostgreSQL are behind. All are started here, and deleted
at the end. Debian's packages are installed if they are missing and this runs as root; the peers come from
PyPI into target/bench-web-venv. The article's rule finds the worker and thread counts of each server: more of
them until it gets worse, and the best are kept. Then the best configurations take turns under wrk, round by
round. The table has medians of the rounds, in the order of the p99.

Drivers prepare no statements, as the pgbouncer of Debian 12 does not support that in transaction mode.
--direct leaves pgbouncer out, and they do; with --unprepared, too, they don't, which shows what preparing is
worth.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import statistics
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import servers
import web_stack
import web_turns
from servers import ROOT
from web_processes import ProcessError
from web_servers import KINDS, WORKERS, Kind, Shape
from web_turns import Sample, Turns

VENV = ROOT / "target" / "bench-web-venv"
ROWS = 1_000_000
ROWS_OF_CHECK = 10_000
#: So many servers are checked at once.
CHECKED_AT_ONCE = 4
#: So many steps in a row that are not better end a sweep.
WORSE = 2
#: Stands for the free port of a turn where commands are printed.
PORT_SHOWN = 8000
T = TypeVar("T")


class Trial(NamedTuple):
    """A configuration of a server, and how it did in the sweep."""

    shape: Shape
    sample: Sample


class Chosen(NamedTuple):
    """A server with its best configuration, and its rounds."""

    kind: Kind
    shape: Shape
    samples: list[Sample]

    def median(self, value: Callable[[Sample], float]) -> float:
        return statistics.median(value(sample) for sample in self.samples)

    def errors(self) -> dict[str, int]:
        names = dict.fromkeys(name for sample in self.samples for name in sample.errors)
        return {name: sum(sample.errors.get(name, 0) for sample in self.samples) for name in names}


def main() -> None:
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))
    web_stack.install_packages(has_load=not arguments.check)
    if not (arguments.build / "funcdock").exists():
        sys.exit(
            f"{arguments.build / 'funcdock'} is missing: cargo build --release, or --build with its folder"
        )
    python = servers.prepare_environment(arguments.python, VENV, "requirements-web.txt")
    is_prepared = arguments.direct and not arguments.unprepared
    rows = ROWS_OF_CHECK if arguments.check else ROWS
    try:
        with web_stack.running(rows, arguments.direct, is_prepared) as stack:
            turns = Turns(stack, web_turns.paths(python, arguments.build), arguments.connections)
            failed = check(turns, arguments) if arguments.check else compare(turns, arguments)
    except KeyboardInterrupt:
        sys.exit("stopped")
    except ProcessError as problem:
        sys.exit(str(problem))
    sys.exit(1 if failed else 0)


def parse_arguments() -> argparse.Namespace:
    parser = servers.parser(__doc__, seconds=10, rounds=3)
    names = [kind.name for kind in KINDS]
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=names,
        help=f"only these servers, comma separated, of {', '.join(names)}",
    )
    parser.add_argument("--sweep-seconds", type=int, default=3, help="of each configuration that is tried")
    parser.add_argument("--direct", action="store_true", help="no pgbouncer, and prepared statements")
    parser.add_argument("--unprepared", action="store_true", help="with --direct: no prepared statements")
    parser.add_argument(
        "--build",
        type=lambda text: Path(text).resolve(),
        default=ROOT / "target/release",
        help="the folder with funcdock",
    )
    parser.add_argument(
        "--check", action="store_true", help="only start each server with one worker, and check its answers"
    )
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.only) - set(names))
    if unknown:
        parser.error(f"--only: {', '.join(unknown)} is not one of {', '.join(names)}")
    for name in ("rounds", "seconds", "sweep_seconds", "connections"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name.replace('_', '-')}: expected 1 or more")
    if arguments.unprepared and not arguments.direct:
        parser.error("--unprepared: only with --direct; behind pgbouncer no statements are prepared anyway")
    return arguments


def check(turns: Turns, arguments: argparse.Namespace) -> bool:
    """Starts each server with one worker and checks its answers. Returns whether any are wrong."""
    kinds = [kind for kind in KINDS if kind.name in arguments.only]
    # All ports at once, so that no two servers get the same one.
    ports = servers.free_ports(2 * len(kinds))

    def problem(number: int) -> str | None:
        kind = kinds[number]
        try:
            with turns.serving(kind, Shape(1, kind.threads[0]), ports[2 * number : 2 * number + 2]):
                return None
        except ProcessError as problem:
            return str(problem)

    pool = ThreadPoolExecutor(CHECKED_AT_ONCE)
    problems = 0
    try:
        for kind, found in zip(kinds, pool.map(problem, range(len(kinds)))):
            print(f"{kind.name:<18} {'failed: ' + found if found else 'ok'}", flush=True)
            problems += found is not None
    finally:
        pool.shutdown(cancel_futures=True)
    print(f"{len(kinds) - problems} of {len(kinds)} servers answer through nginx")
    return problems > 0


def compare(turns: Turns, arguments: argparse.Namespace) -> bool:
    """Finds the best configurations, measures them, and prints the table. Returns whether a server failed."""
    kinds = [kind for kind in KINDS if kind.name in arguments.only]
    chosen = []
    for kind in kinds:
        best = sweep(turns, kind, arguments.sweep_seconds)
        if best is not None:
            chosen.append(Chosen(kind, best.shape, []))
    for number in range(arguments.rounds):
        # The order alternates, so that a server does not always follow the same one.
        for row in chosen[:: -1 if number % 2 else 1]:
            sample = attempt(turns, row.kind, row.shape, arguments.seconds, f"round {number + 1}")
            if sample is not None:
                row.samples.append(sample)
    measured = [row for row in chosen if row.samples]
    report(measured, arguments)
    report_setup(turns, measured, arguments)
    failed = [kind.name for kind in kinds if kind not in [row.kind for row in measured]]
    if failed:
        print(f"failed, see above: {', '.join(failed)}")
    incomplete = [row.kind.name for row in measured if len(row.samples) < arguments.rounds]
    if incomplete:
        print(f"failed in some rounds, see above: {', '.join(incomplete)}")
    return bool(failed or incomplete)


def sweep(turns: Turns, kind: Kind, seconds: int) -> Trial | None:
    """Returns the best configuration: for each number of threads more workers, until it gets worse."""

    def with_shape(shape: Shape) -> Trial | None:
        sample = attempt(turns, kind, shape, seconds, "sweep")
        return Trial(shape, sample) if sample else None

    def with_threads(threads: int) -> Trial | None:
        shapes = [Shape(workers, threads) for workers in WORKERS if workers <= kind.most_workers]
        return climb([s for s in shapes if kind.connections_of(s) <= web_stack.CONNECTIONS], with_shape)

    return climb(kind.threads, with_threads)


def climb(steps: Iterable[T], attempt: Callable[[T], Trial | None]) -> Trial | None:
    """Tries one step after the other until some in a row are not better, and returns the best."""
    best: Trial | None = None
    worse = 0
    for step in steps:
        trial = attempt(step)
        if trial and (best is None or trial.sample.per_second > best.sample.per_second):
            best, worse = trial, 0
        else:
            worse += 1
            if worse == WORSE:
                break
    return best


def attempt(turns: Turns, kind: Kind, shape: Shape, seconds: int, label: str) -> Sample | None:
    """Measures a server and says how it did on stderr. Returns None if it fails: the others go on."""
    line = f"{label} {kind.name:<18} {shape!s:<24}"
    try:
        sample = turns.measure(kind, shape, seconds)
    except ProcessError as problem:
        print(f"{line} failed: {problem}", file=sys.stderr)
        return None
    errors = f"  {sample.errors}" if sample.errors else ""
    print(f"{line} {sample.per_second:>7.0f}/s, p99 {sample.p99_ms:.1f} ms{errors}", file=sys.stderr)
    return sample


COLUMNS = ("p99 ms", "p50 ms", "p99.9 ms", "requests/s", "lowest", "highest", "CPU µs", "others µs")


def report(rows: list[Chosen], arguments: argparse.Namespace) -> None:
    print(
        f"{arguments.rounds} rounds of {arguments.seconds} s, {arguments.connections} connections, "
        f"{servers.CORES} cores; medians, and the lowest and highest round; by the p99, as in the article"
    )
    head = "".join(f"{column:>11}" for column in COLUMNS)
    print(f"  {'server':<18} {'configuration':<22}{head}")
    for row in sorted(rows, key=lambda row: row.median(lambda sample: sample.p99_ms)):
        rates = [sample.per_second for sample in row.samples]
        times = [
            row.median(lambda s: s.p99_ms),
            row.median(lambda s: s.p50_ms),
            row.median(lambda s: s.p99_9_ms),
        ]
        whole = [statistics.median(rates), min(rates), max(rates)]
        whole += [row.median(lambda s: s.cpu_us), row.median(lambda s: s.others_us)]
        cells = "".join([f"{time:>11.2f}" for time in times] + [f"{value:>11.0f}" for value in whole])
        print(f"{'!' if row.errors() else ' '} {row.kind.name:<18} {row.shape!s:<22}{cells}")
    print("CPU time for a request: the server's, and that of the others: nginx, pgbouncer and PostgreSQL")
    for row in rows:
        if row.errors():
            counts = ", ".join(f"{name} {count}" for name, count in row.errors().items())
            print(f"! {row.kind.name} had errors, which no rate counts: {counts}")


def report_setup(turns: Turns, rows: list[Chosen], arguments: argparse.Namespace) -> None:
    """Prints what else is needed to do the same again."""
    print("commands, in tests/bench/apps/web_perf:")
    for row in rows:
        words = row.kind.words(row.shape, PORT_SHOWN, turns.paths)
        times = f" ({row.shape.workers} times)" if row.kind.is_single else ""
        print(f"  {row.kind.name}: {shlex.join(words)}{times}")
    print(f"  load: {shlex.join(turns.wrk_command('http://nginx/test', arguments.seconds))}")
    way = "directly" if arguments.direct else "over pgbouncer, in transaction mode"
    with_or_without = "with" if turns.stack.environment["WEB_PERF_PREPARED"] == "1" else "without"
    print(f"PostgreSQL is reached {way}, {with_or_without} prepared statements")
    python = Path(turns.paths["bin"]) / "python"
    servers.report_versions({"all servers": python}, [arguments.build / "funcdock"])
    for line in web_stack.versions():
        print(line)


if __name__ == "__main__":
    main()
