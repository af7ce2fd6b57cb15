from urllib.parse import parse_qs


# The app does not support lifespan; granian notices that at the start and serves it without.
async def app(scope, receive, send):
    name = parse_qs(scope["query_string"].decode()).get("name", ["world"])[0]
    body = f"Hello, {name}!".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
