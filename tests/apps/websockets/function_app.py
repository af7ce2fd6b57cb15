"""WebSockets: an ASGI app without a framework, as a function app and behind a function of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

logger = logging.getLogger("websockets")


async def application(scope: Event, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for what in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{what}.complete"})
        return
    if scope["type"] == "http":
        await respond(send, 200, b"plain HTTP")
        return
    assert (await receive())["type"] == "websocket.connect"
    name = scope["path"].rsplit("/", 1)[-1]
    await CONVERSATIONS[name](scope, receive, send)


async def respond(send: Send, status: int, body: bytes, prefix: str = "") -> None:
    await send({"type": f"{prefix}http.response.start", "status": status, "headers": []})
    await send({"type": f"{prefix}http.response.body", "body": body})


async def accept(send: Send, **how: Any) -> None:
    await send({"type": "websocket.accept", **how})


async def echo(scope: Event, receive: Receive, send: Send) -> None:
    """Sends each message back, until the client closes; logs how."""
    await accept(send)
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})
    logger.info("closed with %s %r", event["code"], event["reason"])


async def tell_scope(scope: Event, receive: Receive, send: Send) -> None:
    """Chooses the client's second protocol, and tells what it knows of the request."""
    protocols = scope["subprotocols"]
    headers = [(b"x-made-by", b"the app")]
    await accept(send, subprotocol=protocols[1] if len(protocols) > 1 else None, headers=headers)
    told = {key: scope[key] for key in ("type", "scheme", "path", "root_path", "query_string", "http_version")}
    await send({"type": "websocket.send", "text": f"{told} {protocols} {sorted(scope['extensions'])}"})


async def close(scope: Event, receive: Receive, send: Send) -> None:
    """Closes with a code and a reason of its own."""
    await accept(send)
    await send({"type": "websocket.close", "code": 4001, "reason": "no more"})
    event = await receive()
    logger.info("after its own close: %s %s", event["type"], event["code"])
    try:
        await send({"type": "websocket.send", "text": "too late"})
    except RuntimeError as error:
        logger.info("then: %s", error)


async def refuse(scope: Event, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close"})
    logger.info("refused: %s", (await receive())["code"])


async def refuse_with_response(scope: Event, receive: Receive, send: Send) -> None:
    await respond(send, 401, b"who are you?", prefix="websocket.")


async def refuse_with_stream(scope: Event, receive: Receive, send: Send) -> None:
    """Refuses with a large body in parts, and listens meanwhile; says what it may not send then."""
    await send({"type": "websocket.http.response.start", "status": 429, "headers": []})
    try:
        await send({"type": "websocket.send", "text": "no frame"})
    except RuntimeError as error:
        logger.info("while it refuses: %s", error)
    listening = asyncio.ensure_future(receive())
    for _ in range(16):
        await send({"type": "websocket.http.response.body", "body": b"x" * 65536, "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"end"})
    logger.info("refused with a stream: %s", (await listening)["code"])


async def leave_early(scope: Event, receive: Receive, send: Send) -> None:
    """Ends without a word."""


async def fail_early(scope: Event, receive: Receive, send: Send) -> None:
    raise ValueError("before the handshake")


async def end(scope: Event, receive: Receive, send: Send) -> None:
    await accept(send)


async def fail(scope: Event, receive: Receive, send: Send) -> None:
    await accept(send)
    await receive()
    raise ValueError("within the conversation")


async def wrong(scope: Event, receive: Receive, send: Send) -> None:
    """Says what its mistakes raise."""
    await accept(send)
    for event in (
        {"type": "websocket.close", "code": 1006},
        {"type": "websocket.close", "reason": "r" * 124},
        {"type": "websocket.send"},
        {"type": "http.response.start", "status": 200},
        {"type": "websocket.accept"},
    ):
        try:
            await send(event)
        except Exception as error:
            await send({"type": "websocket.send", "text": f"{type(error).__name__}: {error}"})


async def flood(scope: Event, receive: Receive, send: Send) -> None:
    """Sends until the client is gone; logs how much it had room for when it has to wait, and what ends it."""
    await accept(send)
    sent = 0

    async def count() -> None:
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.3)
        logger.info("it waits after %s KiB", sent)

    counting = asyncio.ensure_future(count())
    try:
        while True:
            await send({"type": "websocket.send", "bytes": bytes(1024)})
            sent += 1
    except OSError as error:
        logger.info("the flood ends: %s", error)
    await counting


async def crowd(scope: Event, receive: Receive, send: Send) -> None:
    """Two tasks send at once, until the client is gone; logs that both have noticed."""
    await accept(send)

    async def shout() -> None:
        while True:
            await send({"type": "websocket.send", "bytes": bytes(10_000)})

    ends = await asyncio.gather(shout(), shout(), return_exceptions=True)
    logger.info("the crowd ends: %s", [type(end).__name__ for end in ends])


async def deaf(scope: Event, receive: Receive, send: Send) -> None:
    """Never receives while the client is there; sends something from time to time."""
    await accept(send)
    try:
        while True:
            await send({"type": "websocket.send", "text": "tick"})
            await asyncio.sleep(0.02)
    except OSError:
        event = await receive()
        logger.info("deaf: %s %s", event["type"], event["code"])


CONVERSATIONS = {
    conversation.__name__: conversation
    for conversation in (
        echo,
        tell_scope,
        close,
        refuse,
        refuse_with_response,
        refuse_with_stream,
        leave_early,
        fail_early,
        end,
        fail,
        wrong,
        flood,
        crowd,
        deaf,
    )
}

behind_a_function = func.Blueprint()


@behind_a_function.route(route="function/{*path}")
async def function(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await func.AsgiMiddleware(application).handle_async(req, context)


app = func.AsgiFunctionApp(app=application, http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(behind_a_function)
