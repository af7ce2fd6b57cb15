"""Unusual uses of spans, in unusual order: none of them raises, and later spans are not affected."""

import enum
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

try:
    from opentelemetry import trace
except ImportError:
    trace = None


class Int64:
    """Like numpy's: not an int, but usable as one."""

    def __index__(self):
        return 64


class Float64(float):
    """Like numpy's."""


class Level(enum.IntEnum):
    HIGH = 3


def numbers(tracer):
    for number in range(3):
        with tracer.span(f"number {number}"):
            yield number


def wrong_order(tracer, own):
    first, second, third = (tracer.span(name) for name in ("first", "second", "third"))
    second.end()
    first.end()
    assert tracer.current_span() is third
    tracer.end_span()
    assert tracer.current_span() is own, "an ended span does not become current again"
    with first:
        assert tracer.current_span() is own, "an ended span does not start again"
    again, inner = tracer.span("again"), tracer.span("inner")
    again.start()
    assert tracer.current_span() is again
    inner.end()
    again.end()
    assert tracer.current_span() is own
    with tracer.span("beside") as beside, own.span("of the invocation"):
        pass
    assert beside.ended and tracer.current_span() is own


def values(tracer):
    with tracer.span("values \udce9") as span:
        span.add_attribute("int64", Int64())
        span.add_attribute("float64", Float64(1.5))
        span.add_attribute("level", Level.HIGH)
        span.add_attribute("file", "caf\udce9.csv")
        span.add_attribute("files", ["a", "caf\udce9.csv"])
        span.add_attribute("none", None)
        span.add_attribute("nan", float("nan"))
        span.add_annotation("event \udce9", large=1 << 70, mixed=[1, "a"], file="caf\udce9.csv", kept=1)
        span.add_link(SimpleNamespace(trace_id=0, span_id=0), {"why": "none"})
        span.set_status(SimpleNamespace(canonical_code=2, description="caf\udce9"))
    try:
        with tracer.span("fails"):
            raise ValueError("caf\udce9")
    except ValueError:
        pass


def main(req, context):
    tracer, own = context.tracer, context.tracer.current_span()
    wrong_order(tracer, own)
    values(tracer)
    for number in numbers(tracer):
        if number == 1:
            break
    del number
    assert tracer.current_span() is own

    def work():
        with tracer.span("in a pool"):
            pass
        return trace is None or trace.get_current_span() is trace.INVALID_SPAN

    with tracer.span("around"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result(), "no span stays current on the app's own thread"
        assert tracer.current_span().name == "around"
    return "done"
