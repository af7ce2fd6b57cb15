"""Functions that return, raise, or wait. Each records its call in record.jsonl, where extensions also write."""

import asyncio
import atexit
import json
import pathlib
import time

import azure.functions as func

#: Functions wait for this file.
GATE = pathlib.Path("gate")


class Trouble(Exception):
    """The exception that these functions raise."""


def record(line: dict) -> None:
    with open("record.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def note(context: func.Context, what: str = "function") -> None:
    record({"hook": what, "invocation": context.invocation_id})


atexit.register(record, {"hook": "atexit"})


def returns(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    note(context)
    trace = context.trace_context
    return func.HttpResponse("returned", headers={"x-trace": f"{trace.Traceparent} {trace.Tracestate}"})


async def returns_async(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return returns(req, context)


def raises(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    note(context)
    raise Trouble("raised on purpose")


async def raises_async(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    await asyncio.sleep(0)
    return raises(req, context)


def waits(req: func.HttpRequest, context: func.Context) -> str:
    note(context)
    while not GATE.exists():
        time.sleep(0.002)
    note(context, "waited")
    return "waited"


async def waits_async(req: func.HttpRequest, context: func.Context) -> str:
    note(context)
    try:
        while not GATE.exists():
            await asyncio.sleep(0.002)
    except asyncio.CancelledError:
        note(context, "cancelled")
        raise
    note(context, "waited")
    return "waited"
