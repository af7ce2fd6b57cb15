"""Imports the functions of an app that folders declare, and checks all functions against their bindings."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import typing
from collections.abc import Sequence
from typing import Any, Callable

from . import bindings as converters
from . import functions_host, http_streams, paths, signatures, unserved
from .bindings import Decoder
from .functions_host import Encoder
from .signatures import CONTEXT, INPUT, OUT, TRIGGER, Binding


class LoadError(Exception):
    """A function cannot be loaded. The message says why and what to do."""


class Parameter(typing.NamedTuple):
    """A parameter that gets an argument."""

    name: str
    kind: str
    #: What makes its data the argument.
    decoder: Decoder | None
    #: The form in which it takes its data: "string" or "binary", if it says so.
    data_type: str | None


class Loaded(typing.NamedTuple):
    """A function that is ready to be called."""

    function: Callable[..., Any]
    is_async: bool
    parameters: list[Parameter]
    #: The function as an ASGI app, if its request and response are streams.
    app: http_streams.StreamApp | None
    #: What makes the values of its output bindings data, by the binding's name: only under Microsoft's
    #: Functions host.
    encoders: dict[str, Encoder]


def load(
    name: str,
    root: os.PathLike[str],
    script_file: os.PathLike[str],
    entry_point: str,
    bindings: Sequence[Binding],
    is_called: bool,
    by_functions_host: bool,
) -> Loaded:
    """Imports the script of a function.json and checks that the function fits its bindings, if a trigger
    calls it."""
    module = importlib.import_module(paths.module_name(root, script_file))
    function = getattr(module, entry_point, None)
    if function is None:
        raise LoadError(
            f"function {name!r}: {script_file} defines no {entry_point!r}: define it, or name the "
            'function to call as "entryPoint" in function.json'
        )
    if not callable(function):
        raise LoadError(f"function {name!r}: {entry_point!r} in {script_file} is not callable")
    return check(name, function, "function.json", bindings, is_called, by_functions_host)


def check(
    name: str,
    function: Callable[..., Any],
    declared_in: str,
    bindings: Sequence[Binding],
    is_called: bool,
    by_functions_host: bool,
) -> Loaded:
    """Checks that a function fits its bindings, which are declared in function.json or by its decorators.

    Microsoft's Functions host serves bindings of all types."""
    if not is_called:
        decoded = _with_decoders(name, unserved.parameters(function, bindings), function, bindings, False)
        return Loaded(function, _is_async(function), decoded, None, {})
    encoders = {}
    if by_functions_host:
        encoders = functions_host.encoders(name, bindings, signatures.of(function))
    app = _stream_app(function, bindings)
    named = _parameters(name, function, declared_in, bindings, app is not None, by_functions_host)
    parameters = _with_decoders(name, named, function, bindings, by_functions_host)
    if app is not None:
        return Loaded(app.with_hooks, True, parameters, app, encoders)
    if inspect.isasyncgenfunction(function):
        return Loaded(_returns_generator(function), True, parameters, None, encoders)
    return Loaded(function, _is_async(function), parameters, None, encoders)


def _with_decoders(
    function_name: str,
    parameters: list[tuple[str, str]],
    function: Callable[..., Any],
    bindings: Sequence[Binding],
    by_functions_host: bool,
) -> list[Parameter]:
    types = {binding: binding_type for binding, _, binding_type in bindings}
    hints = signatures.of(function)

    def parameter(name: str, kind: str) -> Parameter:
        # Requests have classes of their own.
        if kind not in (TRIGGER, INPUT) or types.get(name) == "httptrigger":
            return Parameter(name, kind, None, None)
        hint = hints.get(name)
        if not by_functions_host:
            decoder = converters.decoder(types[name], hint)
            return Parameter(name, kind, decoder, converters.data_type(types[name], hint))
        if name not in types:
            return Parameter(name, kind, functions_host.settlement_decoder(hint), None)
        decoder = functions_host.decoder(function_name, name, types[name], hint)
        return Parameter(name, kind, decoder, functions_host.data_type(hint))

    return [parameter(name, kind) for name, kind in parameters]


def _stream_app(function: Callable[..., Any], bindings: Sequence[Binding]) -> http_streams.StreamApp | None:
    """Returns the app of an HTTP function whose request and response are streams."""
    for binding, _, binding_type in bindings:
        if binding_type == "httptrigger":
            parameter = binding if binding in inspect.signature(function).parameters else None
            return http_streams.app_of(function, parameter, signatures.of(function).get(binding))
    return None


def _returns_generator(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns an asynchronous generator function as a function that returns the generator."""

    @functools.wraps(function)
    async def call(**arguments: Any) -> Any:
        return function(**arguments)

    return call


def _is_async(function: Callable[..., Any]) -> bool:
    # The function may be an object with an asynchronous __call__.
    call = getattr(type(function), "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _parameters(
    name: str,
    function: Callable[..., Any],
    declared_in: str,
    bindings: Sequence[Binding],
    is_stream: bool,
    by_functions_host: bool,
) -> list[tuple[str, str]]:
    trigger = next((binding_type for _, _, binding_type in bindings if binding_type.endswith("trigger")), "")
    is_http = trigger == "httptrigger"
    types = {binding: binding_type for binding, _, binding_type in bindings}
    kinds = _kinds(name, declared_in, bindings, trigger, by_functions_host)
    wanted = inspect.signature(function).parameters
    hints = signatures.of(function)
    variadic = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in wanted.values())
    parameters = []
    for parameter in wanted.values():
        if parameter.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
            continue
        kind = kinds.pop(parameter.name, None)
        if kind is None and parameter.name == "context":
            kind = CONTEXT
        hint = hints.get(parameter.name)
        if kind is None and by_functions_host and functions_host.settlement_decoder(hint):
            kind = INPUT
        if kind is None:
            if parameter.default is not inspect.Parameter.empty:
                continue
            raise LoadError(
                f"function {name!r}: parameter {parameter.name!r} has no binding: declare one of that "
                f"name in {declared_in}, or give the parameter a default"
            )
        # A stream has a request and responses of its own.
        if parameter.name in hints and not (is_stream and kind == TRIGGER):
            makes_response = is_http and (kind != OUT or types[parameter.name] == "http")
            problem = signatures.problem(kind, makes_response, hint)
            if problem is None and parameter.name in types:
                check = functions_host if by_functions_host else converters
                problem = check.annotation_problem(kind, types[parameter.name], hint)
            if problem is not None:
                raise LoadError(f"function {name!r}: parameter {parameter.name!r} {problem}")
        parameters.append((parameter.name, kind))
    if kinds and not variadic:
        missing = ", ".join(sorted(kinds))
        raise LoadError(
            f"function {name!r}: {declared_in} binds {missing}, which the Python function does not "
            "take: add the parameter, or remove the binding"
        )
    if "return" in hints and not is_stream:
        makes_response = is_http and types.get("$return", "http") == "http"
        problem = signatures.problem(signatures.RETURN, makes_response, hints["return"])
        if problem is not None:
            raise LoadError(f"function {name!r}: the return value {problem}")
    parameters.extend((binding, kind) for binding, kind in kinds.items())
    return parameters


def _kinds(
    name: str, declared_in: str, bindings: Sequence[Binding], trigger: str, by_functions_host: bool
) -> dict[str, str]:
    """Returns the arguments for the parameters of all bindings."""
    kinds = {}
    for binding, direction, binding_type in bindings:
        if by_functions_host:
            kind = functions_host.kind(direction, binding_type)
        else:
            kind = _kind(binding, direction, binding_type, trigger)
        if kind is None:
            what = f"function {name!r}: the binding {binding!r} of {declared_in} is of type {binding_type!r}"
            if by_functions_host:
                raise LoadError(
                    f'{what}, direction {direction!r}, which is not served: expected "in" or "out"'
                )
            raise LoadError(
                f"{what}, direction {direction!r}, which this host does not serve; Microsoft's Functions "
                "host does. Remove the binding, or disable the function with the app setting "
                f"AzureWebJobs.{name}.Disabled=true"
            )
        if binding != "$return":
            kinds[binding] = kind
    return kinds


#: The triggers that a host of any kind serves: their functions have only bindings that it knows.
_OWN_TRIGGERS = ("httptrigger", "timertrigger", "queuetrigger", "blobtrigger", "warmuptrigger")


def _kind(binding: str, direction: str, binding_type: str, trigger: str) -> str | None:
    """Returns the argument for a binding's parameter; None if the binding is not supported.

    A trigger of somebody else's supplies the data of all inputs and takes that of all outputs.
    """
    if binding_type.endswith("trigger"):
        return TRIGGER
    if trigger not in _OWN_TRIGGERS:
        return {"in": INPUT, "out": OUT}.get(direction)
    return {
        ("http", "out"): OUT if trigger == "httptrigger" else None,
        ("queue", "out"): OUT,
        ("blob", "in"): INPUT,
        ("blob", "out"): OUT,
    }.get((binding_type, direction))
