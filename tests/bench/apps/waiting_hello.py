import time
from urllib.parse import parse_qs


def app(environ, start_response):
    time.sleep(0.005)
    name = parse_qs(environ["QUERY_STRING"]).get("name", ["world"])[0]
    body = f"Hello, {name}!".encode()
    headers = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
