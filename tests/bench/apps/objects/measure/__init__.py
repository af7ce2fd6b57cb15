"""Measures calls to an extension's object from within a function."""

from __future__ import annotations

import json
import timeit

import azure.functions as func

CALLS, ROUNDS = 100_000, 7


class Counter:
    """The same class in Python."""

    def __init__(self) -> None:
        self.count = 0

    def increment(self, by: int = 1) -> int:
        self.count += by
        return self.count


def main(req: func.HttpRequest, context: func.Context) -> str:
    cases = {
        "x.increment()": context,
        "x.increment(by=2)": context,
        'x.echo("text")': context,
        "x.count": context,
        "Python's own increment()": None,
    }
    results = {}
    for name, source in cases.items():
        statement = name if source else "x.increment()"
        names = {"x": context.counter if source else Counter()}
        rounds = timeit.repeat(statement, globals=names, number=CALLS, repeat=ROUNDS)
        results[name] = sorted(rounds)[ROUNDS // 2] / CALLS * 1e9
    return json.dumps(results)
