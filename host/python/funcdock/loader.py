"""Imports the functions of an app, with the import rules of the programming model.

A function's folder is a package below the virtual package ``__app__``, whose path is the app's root. So
``from . import helper`` and ``from ..shared_code import x`` work, as does ``import shared_code.x``.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import types
import typing
from collections.abc import Sequence
from typing import Any, Callable

NAMESPACE = "__app__"

#: The argument that a parameter gets: the data of the trigger, the data of another input, the invocation's
#: context, or an ``Out``.
TRIGGER, INPUT, CONTEXT, OUT = "trigger", "input", "context", "out"

#: (name, "in" | "out" | "inout", lower case type)
Binding = tuple[str, str, str]


class LoadError(Exception):
    """A function cannot be loaded. The message says why and what to do."""


class Loaded(typing.NamedTuple):
    """A function that is ready to be called."""

    function: Callable[..., Any]
    is_async: bool
    parameters: list[tuple[str, str]]


def prepare(root: os.PathLike[str]) -> None:
    """Makes the app's code and its packages importable."""
    app = os.fspath(root)
    packages = os.path.join(app, ".python_packages", "lib", "site-packages")
    for path in (packages, app):
        if os.path.isdir(path) and path not in sys.path:
            sys.path.insert(0, path)
    namespace = types.ModuleType(NAMESPACE, "The function app.")
    namespace.__path__ = [app]
    namespace.__package__ = NAMESPACE
    sys.modules[NAMESPACE] = namespace


def load(
    name: str,
    root: os.PathLike[str],
    script_file: os.PathLike[str],
    entry_point: str,
    bindings: Sequence[Binding],
    is_called: bool,
) -> Loaded:
    """Imports a function's script and checks that it fits its bindings, unless it is never called."""
    module = importlib.import_module(_module_name(root, script_file))
    function = getattr(module, entry_point, None)
    if function is None:
        raise LoadError(
            f"function {name!r}: {script_file} defines no {entry_point!r}: define it, or name the "
            'function to call as "entryPoint" in function.json'
        )
    if not callable(function):
        raise LoadError(f"function {name!r}: {entry_point!r} in {script_file} is not callable")
    parameters = _parameters(name, function, bindings) if is_called else []
    return Loaded(function, _is_async(function), parameters)


def _module_name(root: os.PathLike[str], script_file: os.PathLike[str]) -> str:
    relative = os.path.splitext(os.path.relpath(script_file, root))[0]
    parts = relative.split(os.sep)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join([NAMESPACE, *parts])


def _is_async(function: Callable[..., Any]) -> bool:
    # The function may be an object with an asynchronous __call__.
    call = getattr(type(function), "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _parameters(
    name: str, function: Callable[..., Any], bindings: Sequence[Binding]
) -> list[tuple[str, str]]:
    is_http = any(binding_type == "httptrigger" for _, _, binding_type in bindings)
    kinds: dict[str, str] = {}
    for binding, direction, binding_type in bindings:
        kind = _kind(binding, direction, binding_type, is_http)
        if kind is None:
            raise LoadError(
                f"function {name!r}: the binding {binding!r} in function.json is of type {binding_type!r}, "
                f"direction {direction!r}, which this version does not support: remove the binding, or leave "
                'the function out with --functions or "disabled": true'
            )
        if binding != "$return":
            kinds[binding] = kind
    wanted = inspect.signature(function).parameters
    hints = _hints(function)
    variadic = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in wanted.values())
    parameters = []
    for parameter in wanted.values():
        if parameter.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
            continue
        kind = kinds.pop(parameter.name, None)
        if kind is None and parameter.name == "context":
            kind = CONTEXT
        if kind is None:
            if parameter.default is not inspect.Parameter.empty:
                continue
            raise LoadError(
                f"function {name!r}: parameter {parameter.name!r} has no binding: add one of that "
                "name to function.json, or give the parameter a default"
            )
        _check(name, parameter.name, kind, is_http, hints.get(parameter.name))
        parameters.append((parameter.name, kind))
    if kinds and not variadic:
        missing = ", ".join(sorted(kinds))
        raise LoadError(
            f"function {name!r}: function.json binds {missing}, which the Python function does not "
            "take: add the parameter, or remove the binding"
        )
    parameters.extend((binding, kind) for binding, kind in kinds.items())
    return parameters


def _kind(binding: str, direction: str, binding_type: str, is_http: bool) -> str | None:
    """Returns the argument for a binding's parameter; None if the binding is not supported.

    The HTTP trigger only supports its own bindings. Other triggers supply the data of all inputs and take
    that of all outputs.
    """
    if binding_type.endswith("trigger"):
        return TRIGGER
    if is_http:
        return OUT if binding_type == "http" and direction == "out" else None
    return {"in": INPUT, "out": OUT}.get(direction)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:
        # Annotations that cannot be evaluated (names under TYPE_CHECKING, say) are not checked.
        return {}


def _check(name: str, parameter: str, kind: str, is_http: bool, hint: Any | None) -> None:
    if hint is None or hint is Any:
        return
    try:
        import azure.functions as func
    except ImportError:
        return
    if kind == OUT:
        if typing.get_origin(hint) is not func.Out and hint is not func.Out:
            raise LoadError(
                f"function {name!r}: parameter {parameter!r} is an output binding: annotate it "
                f"as func.Out[...], not {_spelled(hint)}"
            )
    # The request is an instance of HttpRequest, so its bases fit as well.
    elif kind == TRIGGER and is_http and isinstance(hint, type) and not issubclass(func.HttpRequest, hint):
        raise LoadError(
            f"function {name!r}: parameter {parameter!r} is bound to an httpTrigger: annotate it as "
            f"func.HttpRequest, not {_spelled(hint)}"
        )


def _spelled(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint)
