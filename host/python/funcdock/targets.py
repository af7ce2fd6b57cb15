"""The functions that an extension is attached to: named by themselves, or by the file with their code."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable


def plain(target: Any) -> Callable[..., Any]:
    """Returns the function in what the decorators of ``azure.functions`` have made of it."""
    # A decorator makes a FunctionBuilder, which holds a Function, which holds the app's function.
    held = getattr(target, "_function", target)
    user_function = getattr(held, "get_user_function", None)
    function = user_function() if user_function is not None else target
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"expected a function of the app or __file__, found {target!r}")
    return function  # type: ignore[no-any-return]


def is_same(function: Callable[..., Any], target: Callable[..., Any]) -> bool:
    """Whether ``target`` is this function, or one of the two wraps the other."""
    chain = _unwrapped(function)
    return any(link is other for link in chain for other in _unwrapped(target))


def file_of(function: Callable[..., Any]) -> str:
    """Returns the file with the function's code."""
    innermost = _unwrapped(function)[-1]
    code = getattr(innermost, "__code__", None)
    if code is not None:
        return os.path.realpath(str(code.co_filename))
    module = sys.modules.get(getattr(innermost, "__module__", None) or type(innermost).__module__)
    return os.path.realpath(getattr(module, "__file__", None) or "")


def _unwrapped(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Returns a function, and those that it wraps, the innermost last."""
    chain = [function]
    # A function that wraps itself would never end.
    while (inner := getattr(chain[-1], "__wrapped__", None)) is not None and inner not in chain:
        chain.append(inner)
    return chain
