"""A random row for synchronous apps, over psycopg. Each thread has a connection of its own."""

from __future__ import annotations

import threading

import psycopg
from table import DATABASE, PREPARED, QUERY, as_dict, random_key

of_thread = threading.local()
#: psycopg's default prepares a statement that was executed five times.
THRESHOLD = 5 if PREPARED else None


def connection() -> psycopg.Connection:
    # Made by the first call, not by the import, so that it is not shared by a server that forks its workers.
    if not hasattr(of_thread, "connection"):
        of_thread.connection = psycopg.connect(DATABASE, autocommit=True, prepare_threshold=THRESHOLD)
    return of_thread.connection


def random_row() -> dict[str, str]:
    return as_dict(*connection().execute(f"{QUERY} %s", (random_key(),)).fetchone())
