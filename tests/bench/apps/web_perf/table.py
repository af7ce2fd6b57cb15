"""The query of all apps, and how they reach the database: web_perf.py says it in variables."""

from __future__ import annotations

import os
import random

DATABASE = os.environ["WEB_PERF_DATABASE"]
ROWS = int(os.environ["WEB_PERF_ROWS"])
#: Whether drivers may prepare statements. Behind pgbouncer in transaction mode they must not.
PREPARED = os.environ["WEB_PERF_PREPARED"] == "1"
QUERY = "SELECT a, b FROM test WHERE a = "


def random_key() -> int:
    return random.randrange(ROWS)


def as_dict(a: int, b: str) -> dict[str, str]:
    return {"a": f"{a:010}", "b": b}
