"""Checks the annotations of functions against their bindings, when a function is loaded."""

from __future__ import annotations

import typing
from typing import Any, Callable

#: The argument that a parameter gets: the data of the trigger, the data of another input, the invocation's
#: context, or an ``Out``.
TRIGGER, INPUT, CONTEXT, OUT = "trigger", "input", "context", "out"

#: (name, "in" | "out" | "inout", lower case type)
Binding = tuple[str, str, str]

#: What the function returns.
RETURN = "return"


def of(function: Callable[..., Any]) -> dict[str, Any]:
    """Returns the annotations of a function. Those that cannot be evaluated (names under TYPE_CHECKING, say)
    are not checked."""
    try:
        return typing.get_type_hints(function)
    except Exception:
        return {}


def problem(kind: str, is_http: bool, hint: Any) -> str | None:
    """Returns why this annotation cannot be right, as the end of a sentence; None if it can."""
    if hint is None or hint is Any:
        return None
    if not _is_type(hint):
        return f"is annotated {hint!r}, which is not a type"
    try:
        import azure.functions as func
    except ImportError:
        return None
    if kind == OUT:
        if typing.get_origin(hint) is not func.Out and hint is not func.Out:
            return f"is an output binding: annotate it as func.Out[...], not {_spelled(hint)}"
        held = typing.get_args(hint)
        if is_http and held and not _makes_response(func, held[0]):
            return f"is an HTTP response: annotate it as func.Out[func.HttpResponse], not {_spelled(hint)}"
    elif kind == CONTEXT:
        if not _fits(func.Context, hint):
            return f"is the context of the call: annotate it as func.Context, not {_spelled(hint)}"
    # The request is an instance of HttpRequest, so its bases fit as well.
    elif kind == TRIGGER and is_http:
        if not _fits(func.HttpRequest, hint):
            return f"is bound to an httpTrigger: annotate it as func.HttpRequest, not {_spelled(hint)}"
    elif kind == RETURN and is_http and not _makes_response(func, hint):
        return f"makes the HTTP response: annotate it as func.HttpResponse, not {_spelled(hint)}"
    return None


def _is_type(hint: Any) -> bool:
    return (
        callable(hint)
        or typing.get_origin(hint) is not None
        or isinstance(hint, (typing.TypeVar, typing.ForwardRef))
    )


def _fits(cls: type, hint: Any) -> bool:
    """Whether an instance of this class may fit the annotation: a class on another branch cannot."""
    if not isinstance(hint, type) or typing.get_origin(hint) is not None:
        return True
    try:
        return issubclass(cls, hint) or issubclass(hint, cls)
    # A protocol need not be checkable.
    except TypeError:
        return True


def _makes_response(func: Any, hint: Any) -> bool:
    """Whether an annotation may be that of an HTTP response: it is not if it is what a function gets."""
    return not (isinstance(hint, type) and issubclass(hint, (func.HttpRequest, func.Context, func.Out)))


def _spelled(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint)
