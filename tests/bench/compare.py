#!/usr/bin/env python3
"""Tells whether a build is slower than another one.

    tests/bench/compare.py main                      # main against target/release
    tests/bench/compare.py v0.1.0 HEAD               # a release against this commit
    tests/bench/compare.py path/to/build target/release

A revision is built in target/compare, which takes minutes the first time; a folder has a build. Both serve
the same app and take turns under wrk. The ratio of a round is that of the second build to the first one. The
verdict is by the confidence interval of the median ratio, which assumes nothing about the machine's noise:
"slower" if all of it is below the limit, "not slower" if all of it is above, else "undecided", which more
rounds may change. The exit status is 1 if a case is slower, and 2 if nothing was compared. Needs wrk.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import servers
from collector import Collector, traced
from servers import HERE, ROOT, Server

BUILDS = ROOT / "target" / "compare"
CONFIDENCE = 0.95
APP = HERE / "apps" / "compare"
EXTENSIONS = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}


class Case(NamedTuple):
    """What is served in a comparison."""

    name: str
    app: Path = APP
    path: str = servers.PATH
    script: Path | None = None
    #: Whether the extension of the app's host.json is docked.
    hooks: bool = False
    #: Whether calls are traced, and all spans exported.
    traces: bool = False


CASES = [
    Case("hello"),
    Case("async", path="/api/hello_async?name=Ada"),
    Case("json", path="/api/echo", script=HERE / "apps" / "order.lua"),
    Case("fastapi", HERE / "apps" / "funcdock_fastapi"),
    Case("hooks", hooks=True),
    Case("traced", HERE / "apps" / "funcdock", traces=True),
]


class Verdict(NamedTuple):
    """The median of ratios, and its confidence interval."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Verdict:
        """Takes at least six ratios. The interval is between two of them, by the sign test."""
        ordered = sorted(ratios)
        outside = most_outside(len(ordered))
        return cls(statistics.median(ordered), ordered[outside], ordered[-1 - outside])

    def text(self, limit: float) -> str:
        if self.high < 1 - limit:
            return "slower"
        return "not slower" if self.low >= 1 - limit else "undecided"


def most_outside(count: int) -> int:
    """Returns how many of the lowest of so many values, and of the highest, are outside of the interval.

    That is less than 0 if there are too few.
    """
    outside, probability = -1, 0.0
    while True:
        probability += 2 * math.comb(count, outside + 1) / 2**count
        if probability > 1 - CONFIDENCE:
            break
        outside += 1
    return outside


def main() -> None:
    arguments = parse_arguments()
    cases = [case for case in CASES if case.name in arguments.cases]
    builds = [build(name) for name in (arguments.before, arguments.after)]
    python = servers.prepare_environment(arguments.python)
    print(f"{arguments.after} against {arguments.before}: {arguments.rounds} rounds of {arguments.seconds} s")
    print(f"{'case':<10} {'before':>9} {'after':>9} {'ratio':>7} {'95 % interval':>17}  verdict")
    is_slower = False
    for case in cases:
        verdict, rates = compare(case, builds, python, arguments)
        text = verdict.text(arguments.limit)
        is_slower |= text == "slower"
        print(
            f"{case.name:<10} {rates[0]:>9.0f} {rates[1]:>9.0f} {verdict.median:>7.3f} "
            f"{verdict.low:>8.3f} to {verdict.high:.3f}  {text}",
            flush=True,
        )
    servers.report_versions({"the apps": python}, [folder / "funcdock" for folder in builds])
    sys.exit(1 if is_slower else 0)


def parse_arguments() -> argparse.Namespace:
    parser = servers.parser(__doc__, seconds=1, rounds=25)
    parser.add_argument("before", help="a revision, or a folder with a build")
    parser.add_argument("after", nargs="?", default=str(ROOT / "target/release"), help="the same")
    parser.add_argument("--limit", type=float, default=0.03, help="the share that it may be slower")
    names = [case.name for case in CASES]
    parser.add_argument(
        "--cases", type=lambda text: text.split(","), default=names, help=f"only these of {','.join(names)}"
    )
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.cases) - set(names))
    if unknown:
        parser.error(f"--cases: {', '.join(unknown)} is not one of {', '.join(names)}")
    if most_outside(arguments.rounds) < 0:
        parser.error("--rounds: expected at least 6, as fewer decide nothing")
    return arguments


def build(name: str) -> Path:
    """Returns the folder with the build of this name; builds a revision."""
    if (Path(name) / "funcdock").is_file():
        return Path(name).resolve()
    command = ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        give_up(f"{name} is neither a revision nor a folder with a build (funcdock is not in it)")
    revision = found.stdout.strip()
    folder = BUILDS / revision[:12]
    source, target = folder / "source", folder / "target"
    if not source.exists():
        command = ["git", "worktree", "add", "--detach", str(source), revision]
        subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    built = subprocess.run(["cargo", "build", "--release"], cwd=source, env=environment, check=False)
    if built.returncode:
        give_up(f"{name} cannot be built: see above")
    return target / "release"


def give_up(problem: str) -> NoReturn:
    """Ends with the status that says that nothing was compared."""
    print(problem, file=sys.stderr)
    sys.exit(2)


def compare(
    case: Case, builds: Sequence[Path], python: Path, arguments: argparse.Namespace
) -> tuple[Verdict, list[float]]:
    """Returns the verdict about the second build, and the median rates of both."""
    ports = iter(servers.free_ports(3))
    with contextlib.ExitStack() as stack:
        both = []
        collector = Collector(next(ports)) if case.traces else None
        if collector:
            stack.callback(collector.stop)
        for kind, folder in zip(("before", "after"), builds):
            port = next(ports)
            command = [str(folder / "funcdock"), "start", str(case.app), "--port", str(port)]
            environment = {"FUNCTIONS_WORKER_PROCESS_COUNT": "1", **(EXTENSIONS if case.hooks else {})}
            command += ["--python", str(python)]
            server = Server(kind, 1, command, port, environment, case.path, case.script)
            both.append(traced(server, kind, port, collector) if collector else server)
        samples = servers.take_turns(both, arguments)
    rates = [[sample.per_second for sample in samples[server.name]] for server in both]
    verdict = Verdict.of([after / before for before, after in zip(*rates)])
    return verdict, [statistics.median(of_one) for of_one in rates]


if __name__ == "__main__":
    main()
