"""A WSGI app without a framework."""

import azure.functions as func
from recording import record

PART = b"x" * 65536


def web(environ, start_response):
    record(hook="function")
    return PATHS[environ["PATH_INFO"].rpartition("/")[2]](environ, start_response)


def start(start_response):
    start_response("200 OK", [("X-App", "wsgi")])


def returns(environ, start_response):
    start(start_response)
    return [b"returned"]


def raises(environ, start_response):
    raise ValueError("before the response")


def streams(environ, start_response):
    start(start_response)
    return Parts([b"one ", b"two"])


def breaks(environ, start_response):
    start(start_response)

    def parts():
        yield b"one "
        raise ValueError("within the response")

    return parts()


def echoes(environ, start_response):
    start(start_response)
    return iter(lambda: environ["wsgi.input"].read1(65536), b"")


def endless(environ, start_response):
    start(start_response)
    return Parts(PART for _ in iter(int, 1))


def counts(environ, start_response):
    count = 0
    while part := environ["wsgi.input"].read(65536):
        count += len(part)
    start(start_response)
    return [b"%d" % count]


class Parts:
    """Parts of a body that say when they are closed."""

    def __init__(self, parts):
        self._parts = iter(parts)
        self._sent = 0

    def __iter__(self):
        return self

    def __next__(self):
        part = next(self._parts)
        self._sent += len(part)
        return part

    def close(self):
        record(hook="left", error="closed", sent=self._sent)


PATHS = {
    "returns": returns,
    "raises": raises,
    "streams": streams,
    "breaks": breaks,
    "echoes": echoes,
    "endless": endless,
    "counts": counts,
}

app = func.WsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS)
