"""Functions that take requests and return responses of ``azurefunctions-extensions-http-fastapi``.

The app's import of that package turns this on, as in the reference. Such a function is run as an ASGI app:
its request is read while it arrives, and its response is sent while it is made.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import inspect
import sys
from typing import Any, Callable

from . import asgi

#: The module with the interface that packages of this kind implement.
_BASE = "azurefunctions.extensions.base"

#: Threads for synchronous functions; made when the first of them is called.
_threads: concurrent.futures.ThreadPoolExecutor | None = None
_thread_count = 1


def set_thread_count(count: int) -> None:
    """Sets the number of threads for synchronous functions, before the first is called."""
    global _thread_count
    _thread_count = count


def app_of(function: Callable[..., Any], parameter: str | None, hint: Any) -> StreamApp | None:
    """Returns the ASGI app of a function whose request is bound to this parameter; None for other functions.

    The function asks for it by the annotation of its request; without one, by the import of the package.
    """
    base = sys.modules.get(_BASE)
    if base is None or not base.HttpV2FeatureChecker.http_v2_enabled():
        return None
    if hint is not None and hint is not Any and not base.RequestTrackerMeta.check_type(hint):
        return None
    return StreamApp(function, parameter, base.RequestTrackerMeta.get_request_type())


class StreamApp:
    """A function as an ASGI app."""

    #: Has the host add ``path_params`` and ``azure_functions.context`` to the scope.
    is_function = True

    def __init__(self, function: Callable[..., Any], parameter: str | None, request: Any) -> None:
        self._function = function
        self._parameter = parameter
        self._request = request
        self._is_async = inspect.iscoroutinefunction(function)
        wanted = inspect.signature(function).parameters
        self._wants_context = "context" in wanted and parameter != "context"

        # Extensions find the app's function in it.
        @functools.wraps(function)
        async def with_hooks(**arguments: Any) -> Any:
            [request] = (value for value in arguments.values() if hasattr(value, "_raw"))
            return await asgi.respond(self, request._raw)

        #: The function for hooks in Python, which see the request and the response of the library.
        self.with_hooks = with_hooks

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise RuntimeError("a function takes part in calls only")
        response = await self._response(scope, receive)
        await response(scope, receive, send)

    async def _response(self, scope: dict[str, Any], receive: Any) -> Any:
        from starlette.exceptions import HTTPException
        from starlette.responses import JSONResponse

        arguments: dict[str, Any] = {}
        if self._parameter is not None:
            arguments[self._parameter] = self._request(scope, receive)
        if self._wants_context:
            arguments["context"] = scope["azure_functions.context"]
        try:
            result = await self._call(arguments)
        except HTTPException as error:
            return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
        return _response_of(result)

    async def _call(self, arguments: dict[str, Any]) -> Any:
        if self._is_async:
            return await self._function(**arguments)
        call = functools.partial(contextvars.copy_context().run, self._function, **arguments)
        return await asyncio.get_running_loop().run_in_executor(_executor(), call)


def _response_of(result: Any) -> Any:
    """Returns the response of what a function returned."""
    from fastapi.encoders import jsonable_encoder
    from starlette.responses import JSONResponse, Response

    if isinstance(result, Response):
        return result
    if result is None:
        return Response(status_code=204)
    if hasattr(result, "get_body"):
        # A response of azure-functions.
        response = Response(result.get_body(), result.status_code)
        response.headers.setdefault("content-type", result.mimetype)
        # A header may come several times, as Set-Cookie does.
        for name, value in result.headers.items():
            if name.lower() == "content-type":
                response.headers[name] = value
            else:
                response.headers.append(name, value)
        return response
    return JSONResponse(jsonable_encoder(result))


def _executor() -> concurrent.futures.ThreadPoolExecutor:
    global _threads
    if _threads is None:
        _threads = concurrent.futures.ThreadPoolExecutor(_thread_count, "function-stream")
    return _threads
