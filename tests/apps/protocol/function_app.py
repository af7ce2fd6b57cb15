"""Functions, and apps of both protocols of web frameworks, that say what they see of a request and what they are told."""

import asyncio
import json
import time
from pathlib import Path

import azure.functions as func

ROOT = Path(__file__).parent


def pairs(params):
    """Returns the headers in "?header=name:value&header=…"."""
    return [tuple(pair.split(":", 1)) for pair in params.get("header", "").split(",") if pair]


async def asgi_web(scope, receive, send):
    await receive()
    params = func_params(scope["query_string"].decode())
    await asyncio.sleep(float(params.get("sleep", 0)))
    if "gone" in params:
        record((await receive())["type"])
    headers = [(name.encode(), value.encode()) for name, value in pairs(params)]
    headers += [(b"x-many-%d" % number, b"") for number in range(int(params.get("many", 0)))]
    await send({"type": "http.response.start", "status": int(params.get("status", 200)), "headers": headers})
    for part in params.get("parts", "").split(",")[:-1]:
        await send({"type": "http.response.body", "body": part.encode(), "more_body": True})
        await asyncio.sleep(float(params.get("pause", 0)))
    body = json.dumps(seen_by_asgi(scope)) if "seen" in params else params.get("parts", "").split(",")[-1]
    await send({"type": "http.response.body", "body": body.encode()})


def seen_by_asgi(scope):
    headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
    keys = ("scheme", "client", "server", "path")
    return {**{key: scope[key] for key in keys}, "headers": headers}


def wsgi_web(environ, start_response):
    params = func_params(environ["QUERY_STRING"])
    time.sleep(float(params.get("sleep", 0)))
    headers = pairs(params)
    headers += [(f"x-many-{number}", "") for number in range(int(params.get("many", 0)))]
    start_response(params.get("status", "200") + " Said", headers)
    if "seen" in params:
        keys = ("wsgi.url_scheme", "REMOTE_ADDR", "SERVER_NAME", "SERVER_PORT", "HTTP_COOKIE", "HTTP_HOST")
        return [json.dumps({key: environ.get(key) for key in keys}).encode()]
    parts = [part.encode() for part in params.get("parts", "").split(",")]
    return parts if len(parts) == 1 else iter(parts)


def func_params(query):
    return dict(pair.partition("=")[::2] for pair in query.split("&") if pair)


def record(text):
    with open(ROOT / "record", "a", encoding="utf-8") as file:
        file.write(text + "\n")


asgi = func.AsgiMiddleware(asgi_web)
wsgi = func.WsgiMiddleware(wsgi_web)
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="asgi")
async def through_asgi(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await asgi.handle_async(req, context)


@app.route(route="wsgi")
def through_wsgi(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return wsgi.handle(req, context)


@app.route(route="plain")
def plain(req: func.HttpRequest) -> func.HttpResponse:
    record("called by " + req.method)
    time.sleep(float(req.params.get("sleep", 0)))
    headers = dict(pairs(req.params))
    headers.update({f"x-many-{number}": "" for number in range(int(req.params.get("many", 0)))})
    seen = {"url": req.url, "headers": dict(req.headers), "params": dict(req.params)}
    body = json.dumps(seen) if "seen" in req.params else req.params.get("parts", "")
    return func.HttpResponse(body, status_code=int(req.params.get("status", 200)), headers=headers)


@app.route(route="generator")
def generator(req: func.HttpRequest):
    for part in req.params["parts"].split(","):
        yield part.encode()
        time.sleep(float(req.params.get("pause", 0)))


@app.route(route="length")
def length(req: func.HttpRequest) -> str:
    time.sleep(float(req.params.get("sleep", 0)))
    if "held" in req.params:
        record("held")
        while not (ROOT / "open").exists():
            time.sleep(0.01)
    return str(len(req.get_body()))


@app.route(route="large")
def large(req: func.HttpRequest) -> bytes:
    return bytes(64 << 20)


@app.route(route="{any}/of/{parameters:alpha}")
def parameters(req: func.HttpRequest) -> str:
    return json.dumps(dict(req.route_params))
