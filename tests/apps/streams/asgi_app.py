"""An ASGI app without a framework."""

import asyncio

import azure.functions as func
from recording import record

PART = b"x" * 65536


async def web(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            record(hook=event["type"])
            await send({"type": event["type"] + ".complete"})
            if event["type"] == "lifespan.shutdown":
                return
    record(hook="function")
    if scope["type"] == "websocket":
        await talk(scope["path"].rpartition("/")[2], receive, send)
        return
    await PATHS[scope["path"].rpartition("/")[2]](receive, send)


async def start(send, status=200):
    await send({"type": "http.response.start", "status": status, "headers": [(b"x-app", b"asgi")]})


async def returns(receive, send):
    await start(send)
    await send({"type": "http.response.body", "body": b"returned"})


async def raises(receive, send):
    raise ValueError("before the response")


async def streams(receive, send):
    await start(send)
    for part in (b"one ", b"two"):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body"})


async def breaks(receive, send):
    await start(send)
    await send({"type": "http.response.body", "body": b"one ", "more_body": True})
    raise ValueError("within the response")


async def echoes(receive, send):
    await start(send)
    more = True
    while more:
        event = await receive()
        more = event["more_body"]
        await send({"type": "http.response.body", "body": event["body"], "more_body": more})


async def endless(receive, send):
    await start(send)
    sent = 0
    try:
        while True:
            await send({"type": "http.response.body", "body": PART, "more_body": True})
            sent += len(PART)
            await asyncio.sleep(0)
    # The client leaves while the app sends, or while it waits for something else.
    except (OSError, asyncio.CancelledError) as error:
        record(hook="left", error=repr(error), sent=sent)


async def quiet(receive, send):
    await start(send)
    await send({"type": "http.response.body", "body": b"xxxx", "more_body": True})
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        record(hook="left", error="cancelled")
        raise


async def gives_up(receive, send):
    """Gives up waiting for a part of the request, and reads it later."""
    try:
        await asyncio.wait_for(receive(), 0.05)
    except asyncio.TimeoutError:
        await start(send)
        await send({"type": "http.response.body", "body": b"waited ", "more_body": True})
    event = await receive()
    await send({"type": "http.response.body", "body": event["body"]})


async def waits(receive, send):
    await receive()
    event = await receive()
    record(hook="left", error=event["type"])


async def works_later(receive, send):
    await returns(receive, send)
    await asyncio.sleep(0.3)
    record(hook="later")


async def counts(receive, send):
    count, more = 0, True
    while more:
        event = await receive()
        count, more = count + len(event["body"]), event["more_body"]
    await start(send)
    await send({"type": "http.response.body", "body": b"%d" % count})


async def talk(name, receive, send):
    """Sends each message of a WebSocket back, until the client leaves."""
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        if name == "breaks":
            raise ValueError("within the conversation")
        await send({**event, "type": "websocket.send"})
    record(hook="left", error=event["code"])


PATHS = {
    "returns": returns,
    "raises": raises,
    "streams": streams,
    "breaks": breaks,
    "echoes": echoes,
    "endless": endless,
    "waits": waits,
    "quiet": quiet,
    "gives_up": gives_up,
    "works_later": works_later,
    "counts": counts,
}

app = func.AsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS)
