"""Calls an app in a loop without any server: what CPython alone does with it. Prints calls a second."""

from __future__ import annotations

import asyncio
import io
import sys
import time
from typing import Any

PATH, QUERY = "/api/hello", "name=Ada"
HEADERS = [("host", "127.0.0.1")]


def main() -> None:
    kind, seconds = sys.argv[1], float(sys.argv[2])
    if kind == "asgi":
        import uvloop
        from fastapi_hello import app as fastapi

        print(uvloop.run(call_asgi(fastapi, seconds)))
    else:
        from flask_hello import app as flask

        print(call_wsgi(flask, seconds))


async def call_asgi(app: Any, seconds: float) -> float:
    template = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": QUERY.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in HEADERS],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: dict[str, Any]) -> None: ...

    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        for _ in range(100):
            await app(dict(template), receive, send)
        count += 100
        await asyncio.sleep(0)
    return count / passed


def call_wsgi(app: Any, seconds: float) -> float:
    template = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": PATH,
        "QUERY_STRING": QUERY,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{f"HTTP_{name.upper()}": value for name, value in HEADERS},
    }

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None: ...

    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        for _ in range(100):
            body = app({**template, "wsgi.input": io.BytesIO()}, start_response)
            b"".join(body)
            body.close()
        count += 100
    return count / passed


if __name__ == "__main__":
    main()
