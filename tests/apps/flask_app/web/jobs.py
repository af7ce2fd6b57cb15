"""Jobs report what they do, and a client reads it while they do it."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, SimpleQueue

from flask import Blueprint, Response, abort, request

jobs = Blueprint("jobs", __name__)

LOGS: dict[str, SimpleQueue[str | None]] = {}


@jobs.put("/<name>")
def start_job(name: str) -> tuple[dict, int]:
    LOGS[name] = SimpleQueue()
    LOGS[name].put(f"{name} started")
    return {"job": name}, 201


@jobs.post("/<name>/log")
def report(name: str) -> tuple[str, int]:
    log_of(name).put(request.get_json()["line"])
    return "", 204


@jobs.delete("/<name>")
def end_job(name: str) -> tuple[str, int]:
    log_of(name).put(None)
    return "", 204


@jobs.get("/<name>/log")
def follow(name: str) -> Response:
    log = log_of(name)

    def lines() -> Iterator[str]:
        try:
            while (line := log.get(timeout=60)) is not None:
                yield f"{line}\n"
        except Empty:
            yield "nothing for a minute\n"

    return Response(lines(), mimetype="text/plain")


def log_of(name: str) -> SimpleQueue[str | None]:
    return LOGS.get(name) or abort(404)
