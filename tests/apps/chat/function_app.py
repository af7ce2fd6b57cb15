"""A chat with a language model, and rooms for people: all answers are server-sent events."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator

import azure.functions as func
from azurefunctions.extensions.http.fastapi import JSONResponse, Request, Response, StreamingResponse
from chat.model import MODELS, answer
from chat.rooms import room
from chat.uploads import uploads
from fastapi import HTTPException

logger = logging.getLogger(__name__)

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(uploads)


@app.route(route="chat/completions", methods=[func.HttpMethod.POST])
async def complete(req: Request) -> Response:
    try:
        question = (await req.json())["messages"][-1]["content"]
    except (ValueError, KeyError, IndexError):
        return JSONResponse({"error": "expected messages, each with content"}, status_code=400)

    async def events() -> AsyncIterator[str]:
        async for word in answer(question):
            yield event({"delta": word})
        yield "data: [DONE]\n\n"

    return event_stream(events())


@app.route(route="rooms/{name}/events", methods=[func.HttpMethod.GET])
async def listen(req: Request) -> StreamingResponse:
    name = req.path_params["name"]

    async def events() -> AsyncIterator[str]:
        with room(name).member() as messages:
            yield event({"members": room(name).size})
            while (message := await messages.get()) is not None:
                yield event(message)
        logger.info("room %s is closed", name)

    return event_stream(events())


@app.route(route="rooms/{name}/messages", methods=[func.HttpMethod.POST])
async def say(req: Request) -> dict:
    user = req.cookies.get("user", "somebody")
    return {"listeners": room(req.path_params["name"]).send({"from": user, "text": await req.json()})}


@app.route(route="rooms/{name}", methods=[func.HttpMethod.GET])
async def describe(req: Request) -> dict:
    return {"members": room(req.path_params["name"]).size, "query": dict(req.query_params)}


@app.route(route="rooms/{name}", methods=[func.HttpMethod.DELETE])
async def close(req: Request) -> Response:
    room(req.path_params["name"]).send(None)
    return Response(status_code=204)


@app.route(route="login/{user}", methods=[func.HttpMethod.POST])
async def log_in(req: Request) -> JSONResponse:
    response = JSONResponse({"user": req.path_params["user"]}, headers={"X-Chat": "1"})
    response.set_cookie("user", req.path_params["user"])
    response.set_cookie("theme", "dark", max_age=60)
    return response


@app.route(route="models", methods=[func.HttpMethod.GET])
def list_models(req: Request) -> list:
    return MODELS


@app.route(route="models/default", methods=[func.HttpMethod.GET])
def default_model(req: Request) -> str:
    return MODELS[0]


@app.route(route="models/{name}", methods=[func.HttpMethod.GET])
async def show_model(req: Request) -> dict:
    name = req.path_params["name"]
    if name not in MODELS:
        raise HTTPException(404, f"no model {name}")
    return {"id": name, "words": 2}


@app.route(route="broken")
async def broken(req: Request) -> Response:
    raise RuntimeError("this function is broken")


def event(data: object) -> str:
    return f"data: {json.dumps(data)}\n\n"


def event_stream(events: AsyncIterator[str]) -> StreamingResponse:
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)
