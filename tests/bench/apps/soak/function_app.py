"""Everything that apps do to a worker, good and bad."""

from __future__ import annotations

import asyncio
import atexit
import json
import multiprocessing
import os
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
counts = {"calls": 0, "pre": 0, "post": 0}


class Counting(func.AppExtensionBase):
    """Counts the calls that Python's hooks see."""

    @classmethod
    def pre_invocation_app_level(cls, logger, context, func_args=None, *args, **kwargs) -> None:
        counts["pre"] += 1

    @classmethod
    def post_invocation_app_level(
        cls, logger, context, func_args=None, func_ret=None, *args, **kwargs
    ) -> None:
        counts["post"] += 1


@atexit.register
def write_counts() -> None:
    Path(f"counts-{os.getpid()}.json").write_text(json.dumps(counts))


@app.route("sync")
def sync(req: func.HttpRequest) -> str:
    return "x" * 1000


@app.route("async")
async def asynchronous(req: func.HttpRequest) -> str:
    await asyncio.sleep(0.005)
    return "y" * 1000


@app.route("raises")
def raises(req: func.HttpRequest) -> str:
    raise ValueError("on purpose")


@app.route("slow")
def slow(req: func.HttpRequest) -> str:
    time.sleep(0.3)
    return "slow"


@app.route("late")
async def late(req: func.HttpRequest) -> str:
    await asyncio.sleep(10)
    return "too late"


@app.route("hangs")
def hangs(req: func.HttpRequest) -> str:
    time.sleep(3600)
    return "never"


@app.route("upload")
def upload(req: func.HttpRequest) -> str:
    return str(len(req.get_body()))


@app.route("stream")
def stream(req: func.HttpRequest):
    for _ in range(20):
        yield b"z" * 1000


def child(value: int) -> None:
    os._exit(value)


@app.route("forks")
def forks(req: func.HttpRequest) -> str:
    process = multiprocessing.get_context("fork").Process(target=child, args=(7,))
    process.start()
    process.join()
    return str(process.exitcode)
