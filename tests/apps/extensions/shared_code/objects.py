"""What function code does with the attributes that extensions put on its context. Each scenario returns JSON."""

import json
import math
import threading
from typing import Any, Callable

import azure.functions as func

SCENARIOS = {}

#: An object that is used by later calls.
kept: Any = None


def objects(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    result = SCENARIOS[req.route_params["scenario"]](context)
    return func.HttpResponse(json.dumps(result), mimetype="application/json")


async def objects_async(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return objects(req, context)


def scenario(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    SCENARIOS[function.__name__] = function
    return function


def raised(call: Callable[[], Any]) -> str:
    try:
        result = call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"nothing, but returned {result!r}"


class Trouble(Exception):
    """An exception that the app defines."""


@scenario
def plain(context: Any) -> Any:
    value = context.recorded
    return {
        "value": {**value, "bytes": list(value["bytes"])},
        "types": [type(item).__name__ for item in (value, *value.values())],
        "same": context.recorded is value,
    }


@scenario
def missing(context: Any) -> Any:
    return {
        "error": raised(lambda: context.missing),
        "hasattr": hasattr(context, "missing"),
        "default": getattr(context, "missing", "default"),
    }


@scenario
def overwritten(context: Any) -> Any:
    context.recorded["numbers"].append("mine")
    changed = context.recorded["numbers"][-1]
    context.recorded = "overwritten"
    context.own = "mine"
    own = context.own
    del context.own
    return {
        "changed": changed,
        "overwritten": context.recorded,
        "own": own,
        "deleted": hasattr(context, "own"),
        "fixed": raised(lambda: setattr(context, "invocation_id", "mine")).split(":")[0],
    }


@scenario
def identity(context: Any) -> Any:
    return [
        context.counter is context.counter,
        context.counters is context.counters,
        context.counters["more"][0] is context.counters["more"][0],
        context.counter is context.counters["more"][0],
    ]


@scenario
def counts(context: Any) -> Any:
    counter = context.counter
    increment = counter.increment
    return [increment(), increment(5), counter.increment(by=-2), counter.count]


@scenario
def nested(context: Any) -> Any:
    second, third = context.counters["more"]
    return [second.label, second.increment(), third.label, third.count]


@scenario
def attributes(context: Any) -> Any:
    counter = context.counter
    before = counter.label
    counter.label = "renamed"
    return {
        "before": before,
        "after": counter.label,
        "wrong type": raised(lambda: setattr(counter, "label", 1)),
        "unsupported type": raised(lambda: setattr(counter, "label", object())),
        "not settable": raised(lambda: setattr(counter, "count", 1)),
        "method": raised(lambda: setattr(counter, "increment", 1)),
        "deleted": raised(lambda: delattr(counter, "label")),
        "missing": raised(lambda: counter.missing),
        "faulty": raised(lambda: counter.faulty),
        "hasattr": hasattr(counter, "missing"),
    }


@scenario
def shown(context: Any) -> Any:
    counter = context.counter
    return {
        "repr": repr(counter),
        "method": repr(counter.increment),
        "dir": [name for name in dir(counter) if not name.startswith("_")],
    }


@scenario
def errors(context: Any) -> Any:
    fail = context.counter.fail
    return [raised(lambda: fail(kind)) for kind in ("runtime", "type", "value", "attribute")]


@scenario
def panics(context: Any) -> Any:
    error = raised(context.counter.panic)
    return {"error": error, "goes on": context.counter.increment()}


@scenario
def arguments(context: Any) -> Any:
    counter = context.counter
    return {
        "too many": raised(lambda: counter.increment(1, 2)),
        "twice": raised(lambda: counter.increment(1, by=2)),
        "unknown": raised(lambda: counter.increment(to=1)),
        "missing": raised(lambda: counter.fail()),
        "wrong type": raised(lambda: counter.increment("1")),
        "untouched": counter.count,
    }


@scenario
def echoed(context: Any) -> Any:
    """Returns the values that come back changed; there must be none."""
    values = [
        None, True, False, 0, 1, -1, 2**63 - 1, -(2**63), 0.0, -0.5, 1e300, math.inf, "", "text", "\u20ac \U0001f600",
        "nul \0", b"", bytes(range(256)), [], [1, [2, [3, [None]]]], {}, {"z": 1, "a": {"b": [b"c", {"d": 0.5}]}},
    ]
    echo = context.counter.echo
    wrong = []
    for value in values:
        result = echo(value)
        if repr(result) != repr(value):
            wrong.append([repr(value), repr(result)])
    if not math.isnan(echo(math.nan)):
        wrong.append(["nan", repr(echo(math.nan))])
    if echo((1, (2,))) != [1, [2]]:
        wrong.append(["tuples", repr(echo((1, (2,))))])
    return wrong


@scenario
def unsupported(context: Any) -> Any:
    echo = context.counter.echo
    endless: Any = []
    endless.append(endless)
    values = {
        "object": object(),
        "set": {1},
        "complex": 1j,
        "bytearray": bytearray(b"a"),
        "function": raised,
        "counter": context.counter,
        "key": {1: 2},
        "inside": [{"a": [Trouble()]}],
        "surrogate": "\ud800",
        "beyond 64 bits": 2**63,
        "below 64 bits": [-(2**63) - 1],
        "deep": json.loads("[" * 40 + "]" * 40),
        "endless": endless,
    }
    result = {name: raised(lambda: echo(value)) for name, value in values.items()}
    result["keyword"] = raised(lambda: echo(value={1}))
    return result


@scenario
def deep(context: Any) -> Any:
    value = json.loads("[" * 32 + "]" * 32)
    return context.counter.echo(value) == value


@scenario
def children(context: Any) -> Any:
    child = context.counter.child()
    grandchild = child.child()
    label = child.label
    del child
    return [label, grandchild.increment(2), context.counter.count]


@scenario
def with_well(context: Any) -> Any:
    with context.counter as counter:
        same = counter is context.counter
    return {"same": same, "ended": counter.ended}


@scenario
def with_another(context: Any) -> Any:
    context.counter.label = "another"
    with context.counter as counter:
        label = counter.label
    return {"label": label, "ended": context.counter.ended}


@scenario
def with_closed(context: Any) -> Any:
    context.counter.label = "closed"

    def enter() -> None:
        with context.counter:
            pass

    return raised(enter)


@scenario
def with_raised(context: Any) -> Any:
    def fail() -> None:
        with context.counter:
            raise Trouble("in the block")

    error = raised(fail)
    return {"error": error, "ended": context.counter.ended}


@scenario
def with_swallowed(context: Any) -> Any:
    context.counter.swallows = "ValueError"

    def fail(error: Exception) -> str:
        with context.counter:
            raise error
        return "swallowed"

    return [fail(ValueError("a")), raised(lambda: fail(KeyError("b")))]


@scenario
def threads(context: Any) -> Any:
    counter = context.counter

    def work() -> None:
        for _ in range(500):
            counter.increment()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return counter.count


@scenario
def keep(context: Any) -> Any:
    global kept
    kept = context.counter.child()
    return kept.increment()


@scenario
def use_kept(context: Any) -> Any:
    return kept.increment()
