"""WSGI without a framework."""

import json

from row_sync import random_row


def app(environ, start_response):
    if environ["PATH_INFO"] != "/test":
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    body = json.dumps(random_row()).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
