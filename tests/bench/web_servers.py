"""The servers that web_perf.py compares: their commands, and the worker and thread counts that are tried.

Each command is what the server's own documentation advises behind nginx. Synchronous apps have a connection
to the database for each thread, asynchronous ones a pool of ten in each worker.
"""

from __future__ import annotations

import shlex
from typing import NamedTuple

#: The counts of workers that are tried, in this order, until they make it worse.
WORKERS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32)
THREADS = (1, 2, 4, 8, 16, 32, 64)


class Shape(NamedTuple):
    """How large a server is. With 0 threads, their number is not said to it."""

    workers: int
    threads: int = 0

    def __str__(self) -> str:
        workers = f"{self.workers} worker{'s' if self.workers > 1 else ''}"
        return (
            f"{workers}, {self.threads} thread{'s' if self.threads > 1 else ''}" if self.threads else workers
        )


class Kind(NamedTuple):
    """A server with an app. `command` has {bin}, {funcdock}, {port}, {workers} and {threading}."""

    name: str
    command: str
    #: What says the number of threads in the command.
    threading: str = ""
    threads: tuple[int, ...] = (0,)
    #: The connections to the database of a worker whose threads are not said.
    connections: int = 10
    most_workers: int = WORKERS[-1]
    #: Whether nginx speaks uWSGI's own protocol to it.
    is_uwsgi: bool = False
    #: Whether a process has one worker alone, so that each worker is started by itself, at a port of its own.
    is_single: bool = False

    def words(self, shape: Shape, port: int, paths: dict[str, str]) -> list[str]:
        threading = self.threading.format(threads=shape.threads) if shape.threads else ""
        return shlex.split(
            self.command.format(port=port, workers=shape.workers, threading=threading, **paths)
        )

    def connections_of(self, shape: Shape) -> int:
        return shape.workers * (shape.threads or self.connections)


def gunicorn(name: str) -> Kind:
    # With one thread it has its default workers (sync), with more of them its threaded ones (gthread).
    command = f"{{bin}}/gunicorn --bind 127.0.0.1:{{port}} --workers {{workers}} {{threading}} {name}_app:app"
    return Kind(f"gunicorn-{name}", command, "--threads {threads}", THREADS)


def uwsgi(name: str) -> Kind:
    command = (
        "{bin}/uwsgi --socket 127.0.0.1:{port} --virtualenv {bin}/.. --master --die-on-term --need-app "
        f"--thunder-lock --disable-logging --processes {{workers}} {{threading}} --module {name}_app:app"
    )
    return Kind(f"uwsgi-{name}", command, "--threads {threads}", THREADS, is_uwsgi=True)


def uvicorn(name: str) -> Kind:
    command = "{bin}/uvicorn --port {port} --workers {workers} --no-access-log --log-level warning"
    return Kind(f"uvicorn-{name}", f"{command} {name}_app:app")


def funcdock(name: str, *, has_threads: bool) -> Kind:
    command = (
        f"env {{threading}} {{funcdock}} start funcdock_{name} --port {{port}} --workers {{workers}} "
        "--python {bin}/python --no-reload"
    )
    if not has_threads:
        return Kind(f"funcdock-{name}", command, most_workers=10)
    # First as many threads as the work needs, which is the default: at most one for each request that waits.
    threads = (0, *THREADS[2:])
    variable = "PYTHON_THREADPOOL_THREAD_COUNT={threads}"
    return Kind(f"funcdock-{name}", command, variable, threads, connections=64, most_workers=10)


KINDS = [
    funcdock("sync", has_threads=True),
    funcdock("asyncpg", has_threads=False),
    funcdock("psycopg", has_threads=False),
    funcdock("fastapi", has_threads=False),
    funcdock("flask", has_threads=True),
    gunicorn("flask"),
    gunicorn("bottle"),
    gunicorn("falcon"),
    uwsgi("flask"),
    uwsgi("bottle"),
    uwsgi("bare"),
    Kind(
        "granian-flask",
        "{bin}/granian --interface wsgi --port {port} --workers {workers} {threading} flask_app:app",
        "--blocking-threads {threads}",
        THREADS,
    ),
    # One thread serves all connections of a worker, so one query runs at a time.
    Kind("fastpysgi-bare", "{bin}/python fastpysgi_app.py {port} {workers}", connections=1),
    uvicorn("fastapi"),
    uvicorn("starlette"),
    Kind(
        "granian-fastapi", "{bin}/granian --interface asgi --port {port} --workers {workers} fastapi_app:app"
    ),
    Kind(
        "aiohttp",
        "{bin}/gunicorn --bind 127.0.0.1:{port} --workers {workers} "
        "--worker-class aiohttp.GunicornUVLoopWebWorker aiohttp_app:app",
    ),
    Kind("sanic", "{bin}/sanic sanic_app:app --port {port} --workers {workers} --no-access-logs --no-motd"),
    Kind("tornado", "{bin}/python tornado_app.py {port} {workers}"),
    Kind("daphne-starlette", "{bin}/daphne --port {port} --verbosity 0 starlette_app:app", is_single=True),
]
