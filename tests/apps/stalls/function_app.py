"""Functions that hang in all the ways that a worker cannot end."""

from __future__ import annotations

import os
import re
import threading
import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
lock = threading.Lock()


@app.route("pid")
def pid(req: func.HttpRequest) -> str:
    return str(os.getpid())


@app.route("pid-async")
async def pid_async(req: func.HttpRequest) -> str:
    return str(os.getpid())


@app.route("sleeps")
def sleeps(req: func.HttpRequest) -> None:
    time.sleep(1000)


@app.route("deadlocks")
def deadlocks(req: func.HttpRequest) -> None:
    lock.acquire()
    lock.acquire()


@app.route("streams")
def streams(req: func.HttpRequest):
    yield b"begins"
    time.sleep(1000)


@app.route("blocks")
async def blocks(req: func.HttpRequest) -> None:
    time.sleep(1000)


@app.route("holds-gil")
def holds_gil(req: func.HttpRequest) -> None:
    re.match(r"(a+)+$", "a" * 64 + "b")


@app.route("holds-gil-async")
async def holds_gil_async(req: func.HttpRequest) -> None:
    re.match(r"(a+)+$", "a" * 64 + "b")


@app.route("late")
def late(req: func.HttpRequest) -> str:
    # Longer than its time, but not forever.
    time.sleep(1.2)
    return "late"


@app.route("close-descriptors")
def close_descriptors(req: func.HttpRequest) -> str:
    """Closes descriptors that are the host's, as careless code before an exec does."""
    what = req.params["what"]
    for number in sorted(map(int, os.listdir("/proc/self/fd"))):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if number > 2 and target.startswith(what):
            os.close(number)
    return "closed"
