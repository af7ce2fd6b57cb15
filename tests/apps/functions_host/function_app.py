"""Functions that Microsoft's Functions host calls."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="hello/{name?}")
def hello(req: func.HttpRequest) -> str:
    return f"Hello, {req.params.get('name', 'World')}!"


@app.route(route="hello_async")
async def hello_async(req: func.HttpRequest) -> str:
    await asyncio.sleep(0)
    return f"Hello, {req.params.get('name', 'World')}!"


@app.route(route="describe")
def describe(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    found = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "body": req.get_body().decode(),
        "invocation": context.invocation_id,
        "function": context.function_name,
        "traceparent": context.trace_context.Traceparent,
        "tracestate": context.trace_context.Tracestate,
        "retry": [context.retry_context.retry_count, context.retry_context.max_retry_count],
    }
    response = func.HttpResponse(json.dumps(found), status_code=201, mimetype="application/json")
    response.headers["X-Two"] = "2"
    response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly")
    response.headers.add("Set-Cookie", "b=2; SameSite=Strict")
    return response


@app.route(route="raises")
def raises(req: func.HttpRequest) -> str:
    raise ValueError("nothing works")


@app.route(route="talks")
def talks(req: func.HttpRequest) -> str:
    print("printed")
    logging.getLogger("shop").warning("a warning")
    try:
        raise KeyError("lost")
    except KeyError:
        logging.exception("caught")
    return "talked"


@app.route(route="slow")
async def slow(req: func.HttpRequest) -> str:
    await asyncio.sleep(float(req.params["seconds"]))
    return "slept"


@app.route(route="blocks")
def blocks(req: func.HttpRequest) -> str:
    time.sleep(float(req.params["seconds"]))
    return "slept"


@app.route(route="echo")
def echo(req: func.HttpRequest) -> bytes:
    return req.get_body()


@app.route(route="environment")
def environment(req: func.HttpRequest) -> str:
    return json.dumps({"cwd": os.getcwd(), "environment": dict(os.environ)})


@app.queue_trigger(arg_name="message", queue_name="orders", connection="Missing")
@app.queue_output(arg_name="copy", queue_name="copies", connection="Missing")
def copy(message: func.QueueMessage, copy: func.Out[str]) -> None:
    copy.set(f"{message.id} {message.dequeue_count} {message.get_body().decode()}")


@app.blob_trigger(arg_name="blob", path="in/x", connection="Missing", data_type=func.DataType.BINARY)
@app.blob_output(arg_name="copy", path="out/x", connection="Missing")
def mirror(blob: bytes, copy: func.Out[bytes]) -> None:
    copy.set(blob)


@app.blob_trigger(arg_name="blob", path="in/y", connection="Missing", data_type=func.DataType.STRING)
@app.blob_output(arg_name="copy", path="out/y", connection="Missing")
def mirror_text(blob: str, copy: func.Out[str]) -> None:
    copy.set(blob)
