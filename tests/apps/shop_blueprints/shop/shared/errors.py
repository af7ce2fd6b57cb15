"""Errors that customers see, as application/problem+json."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable

import azure.functions as func

from .responses import json_response


class ShopError(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail

    def response(self) -> func.HttpResponse:
        problem = {"status": self.status, "detail": self.detail}
        return json_response(problem, self.status, mimetype="application/problem+json")


def answers_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a function answer a ShopError instead of failing."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapped(*args: Any, **kwargs: Any) -> func.HttpResponse:
            try:
                return await function(*args, **kwargs)
            except ShopError as error:
                return error.response()
    else:

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> func.HttpResponse:
            try:
                return function(*args, **kwargs)
            except ShopError as error:
                return error.response()

    return wrapped
