"""An app that traces its functions with OpenTelemetry's SDK, without help of the host."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import azure.functions as func
from opentelemetry import context as otel_context
from opentelemetry import trace
from telemetry import traced, tracer

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def ids() -> str:
    span = trace.get_current_span().get_span_context()
    return json.dumps({"trace": f"{span.trace_id:032x}", "span": f"{span.span_id:016x}"})


def work(name: str) -> None:
    with tracer.start_as_current_span(name):
        pass


@app.route(route="orders/{number:int}", methods=["GET"])
@traced
def show_order(req: func.HttpRequest, context: func.Context) -> str:
    with tracer.start_as_current_span("read order", attributes={"order": req.route_params["number"]}):
        current = otel_context.get_current()
        with ThreadPoolExecutor(max_workers=1) as threads:
            # A thread of one's own has no current span until one attaches it.
            threads.submit(run_in, current, work, "read lines").result()
    return ids()


@app.route(route="orders", methods=["GET"])
@traced
async def list_orders(req: func.HttpRequest, context: func.Context) -> str:
    async def count(name: str) -> None:
        with tracer.start_as_current_span(name):
            await asyncio.sleep(0)

    await asyncio.gather(count("count open"), count("count sent"))
    return ids()


@app.route(route="broken", methods=["GET"])
@traced
def broken(req: func.HttpRequest, context: func.Context) -> str:
    raise RuntimeError("this function is broken")


def run_in(context: otel_context.Context, function, *args) -> None:
    token = otel_context.attach(context)
    try:
        function(*args)
    finally:
        otel_context.detach(token)
