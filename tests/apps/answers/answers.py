"""Functions that end in every possible way."""

import asyncio
import time
from typing import Any

import azure.functions as func


class Trouble(Exception):
    """The exception that these functions raise."""


def answer(kind: str, context: func.Context) -> Any:
    if kind == "str":
        return "text"
    if kind == "bytes":
        return b"bytes"
    if kind == "http":
        return func.HttpResponse("a page", status_code=201, mimetype="text/html", headers={"x-f": "1"})
    if kind == "raise":
        raise Trouble("raised on purpose")
    if kind == "attribute":
        return getattr(context, "waited", "not set")
    return None


def kinds(req: func.HttpRequest, context: func.Context) -> Any:
    kind = req.route_params["kind"]
    if kind == "late":
        time.sleep(3)
    return answer(kind, context)


async def kinds_async(req: func.HttpRequest, context: func.Context) -> Any:
    kind = req.route_params["kind"]
    if kind == "late":
        await asyncio.sleep(3)
    return answer(kind, context)


def metrics(req: func.HttpRequest) -> str:
    return "a function's metrics"
