"""WSGI apps: the files of their environ, and the library's middleware on top of the host's own calls."""

from __future__ import annotations

import functools
import io
import sys
from typing import Any, Callable

from . import asgi, byte_streams

try:
    import azure.functions as func
except ImportError:
    func = None  # type: ignore[assignment]


class _Errors(io.TextIOBase):
    """``wsgi.errors``: standard error, also when the app has replaced that."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return sys.stderr.write(text) if sys.stderr is not None else len(text)

    def flush(self) -> None:
        if sys.stderr is not None:
            sys.stderr.flush()


errors = _Errors()

whole_input = io.BytesIO


#: Returns the file that reads a body while it arrives.
input = byte_streams.buffered


def patch_middleware(call: Callable[..., Any]) -> None:
    """Has the library's middleware run apps as the host does. Call this before the app is imported."""
    middleware = getattr(func, "WsgiMiddleware", None)
    # `handle` and `main` both end here.
    original = getattr(middleware, "_handle", None)
    if middleware is None or original is None:
        return
    this = sys.modules[__name__]

    @functools.wraps(original)
    def handle(self: Any, req: Any, context: Any) -> Any:
        request = getattr(req, "_raw", None)
        if request is None:
            # A request that the app has made itself.
            return original(self, req, context)
        return asgi.response(*call(this, self._app, request))

    middleware._handle = handle
