"""What function code sees of an extension that uses everything its API has. Each scenario returns JSON."""

import atexit
import json
import os
import pathlib
import threading
from typing import Any, Callable

import azure.functions as func

SCENARIOS: dict = {}

#: An object that is used after its call, and after the extension has ended.
kept: Any = None


class Trouble(Exception):
    """The exception that this app raises."""


def scenario(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    result = SCENARIOS[req.route_params["name"]](context)
    return func.HttpResponse(json.dumps(result), mimetype="application/json")


async def scenario_async(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return scenario(req, context)


def named(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    SCENARIOS[function.__name__] = function
    return function


def raised(call: Callable[[], Any]) -> str:
    try:
        result = call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"nothing, but returned {result!r}"


def mapped() -> list:
    """Returns the names of the libraries that this process has mapped: files, and copies in memory."""
    maps = pathlib.Path("/proc/self/maps").read_text(encoding="utf-8")
    # A copy is named "/memfd:name (deleted)".
    files = [line.removesuffix(" (deleted)").replace(":", "/") for line in maps.splitlines()]
    return sorted({file.rsplit("/", 1)[-1] for file in files if file.endswith(".so")})


def note_the_end() -> None:
    line = {"hook": "atexit", "kept": kept and kept.add(1, 2), "mapped": mapped()}
    with open("record.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


atexit.register(note_the_end)


@named
def trace(context: Any) -> Any:
    return [context.trace_context.Traceparent, context.trace_context.Tracestate]


@named
def attributes(context: Any) -> Any:
    names = ["nothing", "truth", "whole", "fraction", "text", "owned", "items", "entries"]
    return [{name: getattr(context, name) for name in names}, list(context.bytes), list(context.entries)]


@named
def methods(context: Any) -> Any:
    tool = context.tool
    tool.label = "renamed"
    return {
        "class": repr(tool),
        "methods": [name for name in dir(tool) if not name.startswith("_")],
        "label": tool.label,
        "calls": [tool.add(1, 2), tool.add(1, b=2), tool.add(b=3, a=4)],
        "echo": tool.echo(None, True, -(2**63), 1.5, "\u20ac", [1, [2]], {"z": 1, "a": [None]}),
        "child": tool.child().label,
    }


@named
def errors(context: Any) -> Any:
    tool = context.tool
    return [
        raised(lambda: tool.add(1, 2, 3)),
        raised(lambda: tool.add("x", 1)),
        raised(lambda: tool.missing),
        raised(lambda: setattr(tool, "other", 1)),
        *(raised(lambda kind=kind: tool.fail(kind)) for kind in ("runtime", "type", "value", "attribute")),
    ]


@named
def panics(context: Any) -> Any:
    return [raised(context.tool.panic).split(" (at ")[0], context.tool.add(1, 1)]


@named
def blocks(context: Any) -> Any:
    tool = context.tool
    with tool as entered:
        same = entered is tool
    with tool:
        raise ValueError("swallowed")
    swallowed = tool.ended[:2]

    def leave() -> None:
        with tool:
            raise Trouble("on its way")

    passed = raised(leave)
    ended = tool.ended
    tool.label = "parent"
    with tool as entered:
        label = entered.label
    return {
        "same": same,
        "swallowed": swallowed,
        "passed": passed,
        "ended": ended[:2],
        "traceback": "in leave" in ended[2],
        "entered": label,
    }


@named
def meeting(context: Any) -> Any:
    """Two threads are in a method of one object at the same time, so neither keeps the GIL there."""
    met: list = []
    other = threading.Thread(target=lambda: met.append(context.tool.meet()))
    other.start()
    met.append(context.tool.meet())
    other.join()
    return met


@named
def trouble(context: Any) -> Any:
    raise Trouble("raised as requested")


@named
def keep(context: Any) -> Any:
    global kept
    kept = context.tool
    return None


@named
def rest(context: Any) -> Any:
    return [
        context.lazy,
        os.environ["FROZEN_COMPANION"],
        raised(lambda: context.nothing_today).split(":")[0],
        getattr(context, "waited", None),
    ]


@named
def failing(context: Any) -> Any:
    """What an extension of the next API fails with."""
    return raised(context.failing.fail)
