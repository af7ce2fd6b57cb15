"""ASGI apps: the coroutine of each call, and the lifespan of an app."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, Callable, Protocol
from wsgiref.headers import Headers

from . import tasks, traces

try:
    import azure.functions as func
except ImportError:
    func = None  # type: ignore[assignment]

#: An ASGI app.
App = Callable[..., Awaitable[None]]

_HttpResponse: Any = func.HttpResponse if func else object


logger = logging.getLogger("funcdock")


class NestedCalls(Protocol):
    """The Rust side of calls that functions hand to apps."""

    def start(self, app: App, request: Any, head: asyncio.Future[Any]) -> asyncio.Task[None] | None: ...


class RawExchange(Protocol):
    """The Rust side of an exchange."""

    @property
    def for_logs(self) -> Any: ...
    def receive(self) -> Any: ...
    def send(self, event: dict[str, Any]) -> Any: ...
    def returned(self) -> None: ...
    def raised(self, error: BaseException) -> None: ...
    def ended(self, task: Any) -> None: ...


class Exchange:
    """``receive`` and ``send`` of one call. They are coroutines, as some apps make tasks of them."""

    __slots__ = ("_raw",)

    def __init__(self, raw: RawExchange) -> None:
        self._raw = raw

    async def receive(self) -> Any:
        event = self._raw.receive()
        return event if type(event) is dict else await event

    async def send(self, event: dict[str, Any]) -> None:
        waits = self._raw.send(event)
        if waits is not None:
            await waits


def start(
    loop: asyncio.AbstractEventLoop, app: App, scope: dict[str, Any], raw: RawExchange
) -> asyncio.Task[None] | None:
    """Starts a call, which makes its response through ``raw``; returns None if it has ended already."""
    return tasks.begin(loop, _run(app, scope, raw), raw.ended)


async def _run(app: App, scope: dict[str, Any], raw: RawExchange) -> None:
    traces.begin(raw.for_logs)
    exchange = Exchange(raw)
    try:
        await app(scope, exchange.receive, exchange.send)
    # Catches SystemExit, too: it must not end the worker.
    except BaseException as error:
        raw.raised(error)
    else:
        raw.returned()


class AppResponse(_HttpResponse):
    """The response of an app, for the function that handed its request to it."""

    def __init__(self, status: int, headers: Sequence[tuple[str, str]], body: Any) -> None:
        super().__init__(status_code=status, headers=Headers(list(headers)))
        self._made = body

    def get_body(self) -> Any:
        """Returns an object that stands for the body, which may be made while it is sent."""
        return self._made


response = AppResponse


class PartsApp:
    """The response of a function that has returned, whose body an asynchronous iterator makes."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], parts: AsyncIterator[Any]) -> None:
        self._start = {"type": "http.response.start", "status": status, "headers": headers}
        self._parts = parts

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        making = asyncio.current_task()

        async def stop_when_client_leaves() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            if making is not None:
                making.cancel()

        watching = asyncio.ensure_future(stop_when_client_leaves())
        try:
            first = await _next_or(self._parts, b"")
            await send(self._start)
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for part in self._parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body"})
        finally:
            watching.cancel()
            close = getattr(self._parts, "aclose", None)
            if close is not None:
                await close()


async def _next_or(parts: AsyncIterator[Any], default: Any) -> Any:
    """Returns the next part, or the default at the end."""
    try:
        return await parts.__anext__()
    except StopAsyncIteration:
        return default


_nested: NestedCalls


def connect(nested: NestedCalls) -> None:
    """Connects this module with the host, before the first call."""
    global _nested
    _nested = nested


async def respond(app: App, request: Any) -> Any:
    """Calls an app to which a function hands its request; returns the response when its head is there."""
    head: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    task = _nested.start(app, request, head)
    try:
        return await head
    except asyncio.CancelledError:
        if task is not None:
            task.cancel()
        raise


def patch_middleware() -> None:
    """Has the library's middleware run apps as this module does. Call this before any code of the app is
    imported."""
    middleware = getattr(func, "AsgiMiddleware", None)
    if middleware is None:
        return
    loop = asyncio.get_event_loop()

    def patched(name: str, run: Callable[..., Any]) -> None:
        original = getattr(middleware, name, None)
        if original is None:
            return

        @functools.wraps(original)
        def handle(self: Any, req: Any, context: Any = None) -> Any:
            request = getattr(req, "_raw", None)
            if request is None:
                # A request that the app has made itself.
                return original(self, req, context)
            return run(self._app, request)

        setattr(middleware, name, handle)

    def respond_from_thread(app: App, request: Any) -> Any:
        if asyncio._get_running_loop() is not None:
            raise RuntimeError("in an async function, await handle_async(...) instead of calling handle(...)")
        return asyncio.run_coroutine_threadsafe(respond(app, request), loop).result()

    patched("handle_async", respond)
    # `handle` and `main`, which are not coroutine functions, both end here.
    patched("_handle", respond_from_thread)


#: Seconds after which the log says that an app still starts.
SLOW_START = 3


class StartError(Exception):
    """An ASGI app says that it cannot start. The message is its reason."""


class Lifespan:
    """The life of an app beside its calls, as the lifespan protocol has it."""

    def __init__(self, app: App) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._answer: asyncio.Future[str | None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_starting = False

    async def start_up(self) -> None:
        """Starts the app. Raises StartError if the app says that it cannot start."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run())
        # The stacks of threads, which the host shows of a worker that is not ready in time, do not say so.
        reminder = loop.call_later(
            SLOW_START,
            logger.info,
            "an ASGI app has not ended the startup of its lifespan after %s s; the worker waits for it",
            SLOW_START,
        )
        problem = await self._ask("startup")
        reminder.cancel()
        if problem is not None:
            raise StartError(problem.rstrip() or "the app gives no reason")

    async def shut_down(self) -> None:
        """Ends the app, if it takes part in the protocol."""
        if self._task is None or self._task.done():
            return
        problem = await self._ask("shutdown")
        if problem is not None:
            logger.error("an ASGI app has failed to shut down: %s", problem)
        await self._task

    async def _ask(self, what: str) -> str | None:
        self._answer = asyncio.get_running_loop().create_future()
        self._events.put_nowait({"type": f"lifespan.{what}"})
        return await self._answer

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._receive, self._send)
        # The protocol's way to say that an app does not take part in it.
        except BaseException as error:
            if self._is_starting and self._is_waited_for():
                # It has taken the event, and not said that it cannot start.
                logger.warning(
                    "an ASGI app has raised in its lifespan, and is served without: to stop the start, it "
                    "must send lifespan.startup.failed",
                    exc_info=error,
                )
            else:
                logger.debug("an ASGI app takes no part in the lifespan protocol: %r", error)
        self._reply(None)

    async def _receive(self) -> dict[str, str]:
        event = await self._events.get()
        self._is_starting = event["type"] == "lifespan.startup"
        return event

    async def _send(self, event: dict[str, Any]) -> None:
        if event["type"].endswith(".complete"):
            self._reply(None)
        elif event["type"].endswith(".failed"):
            self._reply(event.get("message", ""))

    def _is_waited_for(self) -> bool:
        return self._answer is not None and not self._answer.done()

    def _reply(self, problem: str | None) -> None:
        if self._answer is not None and self._is_waited_for():
            self._answer.set_result(problem)


_lifespans: dict[int, Lifespan] = {}


def start_up(app: App) -> dict[str, Any]:
    """Starts an app, once, before the loop runs; returns the state for the scopes of its calls."""
    lifespan = _lifespans.get(id(app))
    if lifespan is None:
        lifespan = Lifespan(app)
        asyncio.get_event_loop().run_until_complete(lifespan.start_up())
        _lifespans[id(app)] = lifespan
    return lifespan.state


async def _shut_all_down() -> None:
    for lifespan in _lifespans.values():
        try:
            await lifespan.shut_down()
        except Exception:
            logger.exception("an ASGI app has failed to shut down")


def shut_down(done: Callable[[Any], None]) -> None:
    """Ends all apps that were started, then calls ``done``. Called while the loop runs."""
    task = asyncio.get_running_loop().create_task(_shut_all_down())
    task.add_done_callback(done)


def shut_down_early() -> None:
    """Ends all apps that were started, of a worker that does not start. Called before the loop runs."""
    if _lifespans:
        asyncio.get_event_loop().run_until_complete(_shut_all_down())
