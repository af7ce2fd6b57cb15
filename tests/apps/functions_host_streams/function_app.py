"""Functions whose requests and responses are streams, beside one that knows nothing of them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response, StreamingResponse

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="echo/{id}", methods=["POST"])
async def echo(req: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        async for part in req.stream():
            yield part

    headers = {"X-Id": req.path_params["id"], "X-Query": req.query_params.get("a", "")}
    return StreamingResponse(parts(), headers=headers)


@app.route(route="endless")
async def endless(req: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 10_000
                await asyncio.sleep(0.001)
        finally:
            logging.warning("the stream is closed")

    return StreamingResponse(parts())


@app.route(route="fails")
async def fails(req: Request) -> Response:
    raise ValueError("no stream")


@app.route(route="plain/{id}")
def plain(req: func.HttpRequest, context: func.Context) -> str:
    return json.dumps(
        {
            "body": req.get_body().decode(),
            "url": req.url,
            "id": req.route_params["id"],
            "invocation": context.invocation_id,
            "trace": context.trace_context.Traceparent,
        }
    )


@app.route(route="puts")
@app.queue_output(arg_name="message", queue_name="orders", connection="C")
def puts(req: func.HttpRequest, message: func.Out[str]) -> str:
    message.set("an order")
    return "put"
