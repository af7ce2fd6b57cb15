"""HTTP requests and outputs with the interface of ``azure.functions``.

If the app has the library, its classes are the bases of these. Fields are read from Rust on demand.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from typing import Any, Protocol

from .loader import LoadError

try:
    import azure.functions as func
except ImportError:
    func = None  # type: ignore[assignment]

_HttpRequest: Any = func.HttpRequest if func else object
_Out: Any = func.Out if func else object

#: The library's class of responses.
HttpResponse: Any = func.HttpResponse if func else None


class RawRequest(Protocol):
    """The Rust side of a request."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> str: ...
    def headers(self) -> dict[str, str]: ...
    def params(self) -> dict[str, str]: ...
    def route_params(self) -> dict[str, str]: ...
    def body(self) -> bytes: ...


class HttpRequest(_HttpRequest):
    """An HTTP request whose fields are read on demand."""

    # The base's constructor reads every field, so it only runs when the function reads a form.
    def __init__(self, raw: RawRequest) -> None:
        self._raw = raw

    @property
    def method(self) -> str:
        return self._raw.method

    @property
    def url(self) -> str:
        return self._raw.url

    @property
    def headers(self) -> Mapping[str, str]:
        headers: Mapping[str, str] | None = self.__dict__.get("_headers")
        if headers is None:
            headers = self._raw.headers()
            if func:
                headers = func._http.HttpRequestHeaders(headers)
            self._headers = headers
        return headers

    @property
    def params(self) -> Mapping[str, str]:
        params: Mapping[str, str] | None = self.__dict__.get("_params")
        if params is None:
            params = self._params = types.MappingProxyType(self._raw.params())
        return params

    @property
    def route_params(self) -> Mapping[str, str]:
        params: Mapping[str, str] | None = self.__dict__.get("_route_params")
        if params is None:
            params = self._route_params = types.MappingProxyType(self._raw.route_params())
        return params

    def get_body(self) -> bytes:
        body: bytes | None = self.__dict__.get("_body")
        if body is None:
            body = self._body = self._raw.body()
        return body

    def get_json(self) -> Any:
        try:
            return json.loads(self.get_body())
        except ValueError as error:
            raise ValueError("HTTP request does not contain valid JSON data") from error

    @property
    def form(self) -> Any:
        self._read_form()
        return super().form

    @property
    def files(self) -> Any:
        self._read_form()
        return super().files

    def _read_form(self) -> None:
        if not func:
            raise RuntimeError(
                "reading forms needs azure-functions: add it to requirements.txt and install it"
            )
        if "_form_read" not in self.__dict__:
            super().__init__(
                self.method,
                self.url,
                headers=self.headers,
                params=self.params,
                route_params=self.route_params,
                body=self.get_body(),
            )
            self._form_read = True


class Out(_Out):
    """The value of an output binding."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        self._value = val

    def get(self) -> Any:
        return self._value


def read_response(response: Any) -> tuple[bytes, int, Any, str, str]:
    """Returns what the host reads of a response of the library's class.

    Its properties are functions in Python, which Python code calls for much less than code outside of the
    interpreter.
    """
    headers = response.headers
    return (
        response.get_body(),
        response.status_code,
        # As `if headers`, but with the method called from here.
        headers if headers.__len__() else None,
        response.mimetype,
        response.charset,
    )


def register(context: type, trace_context: type, retry_context: type) -> None:
    """Registers our classes as subclasses of the library's abstract ones."""
    if func:
        abc = func._abc
        if not hasattr(abc, "TraceContext"):
            version = getattr(func, "__version__", "in an old version")
            raise LoadError(
                f"azure-functions {version} is too old for this host, which serves 1.8 and newer: write "
                f"azure-functions>=1.8 into requirements.txt and install it (it was found at {func.__file__})"
            )
        func.Context.register(context)
        abc.TraceContext.register(trace_context)
        abc.RetryContext.register(retry_context)
