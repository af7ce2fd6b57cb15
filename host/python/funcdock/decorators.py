"""The decorator model: imports the app's script, and describes the functions of its function app."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from typing import Any, Callable, NamedTuple

from . import paths, targets
from .loader import LoadError

try:
    import azure.functions as func
except ImportError:
    func = None  # type: ignore[assignment]


class Declared(NamedTuple):
    """A function as its decorators declare it."""

    name: str
    #: The declaration, as the text of a function.json.
    json: str
    #: The file with the function's code.
    file: str
    function: Callable[..., Any]
    #: ("asgi" or "wsgi", the app) of a function that the library has made of a web framework's app.
    framework: tuple[str, Callable[..., Any]] | None


def declared(root: os.PathLike[str], script: os.PathLike[str]) -> list[Declared]:
    """Imports the script and returns the functions that it declares, in their order."""
    name = os.path.basename(script)
    _require_library(name)
    module = importlib.import_module(paths.top_level_name(root, script))
    app = _only_app(name, module)
    found = []
    # Asking twice is an error: the library then finds each name taken.
    for function in app.get_functions():
        user_function = function.get_user_function()
        file = targets.file_of(user_function)
        # Code of a library, as that of AsgiFunctionApp, stands for the script that uses it.
        if os.path.relpath(file, root).startswith(os.pardir) or "site-packages" in file:
            file = os.path.realpath(script)
        found.append(
            Declared(
                name=function.get_function_name(),
                json=_declaration(function),
                file=file,
                function=user_function,
                framework=_framework(user_function),
            )
        )
    return found


def _declaration(function: Any) -> str:
    """Returns the declaration as the text of a function.json, with what the library keeps apart from it."""
    text: str = function.get_function_json()
    settings = getattr(function, "get_settings_dict", None)
    retry = settings("retry_policy") if settings is not None else None
    if not retry:
        return text
    # The library has the names of Python, and function.json those of JSON.
    names = {
        "strategy": "strategy",
        "max_retry_count": "maxRetryCount",
        "delay_interval": "delayInterval",
        "minimum_interval": "minimumInterval",
        "maximum_interval": "maximumInterval",
    }
    policy = {names[key]: value for key, value in retry.items() if key in names and value is not None}
    strategy = str(policy.get("strategy", ""))
    policy["strategy"] = {"fixed_delay": "fixedDelay", "exponential_backoff": "exponentialBackoff"}.get(
        strategy, strategy
    )
    return json.dumps({**json.loads(text), "retry": policy}, default=str)


def _framework(function: Any) -> tuple[str, Any] | None:
    """Returns the app of an AsgiFunctionApp or WsgiFunctionApp, whose function the library has made."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_name != "http_app_func":
        return None
    held = [cell.cell_contents for cell in function.__closure__ or ()]
    for value in held:
        if isinstance(value, func.WsgiMiddleware):
            return "wsgi", value._app
        # In the oldest versions its function is not a coroutine function.
        if isinstance(value, func.AsgiMiddleware) and inspect.iscoroutinefunction(function):
            _start_up_is_done(held)
            return "asgi", value._app
    return None


def _start_up_is_done(held: list[Any]) -> None:
    """Has the library's function not start the app, which the host has done: before the first call."""
    for value in held:
        if isinstance(value, func.AsgiFunctionApp):
            value.startup_task_done = True


def _require_library(script: str) -> None:
    if func is None:
        raise LoadError(
            f"{script} needs the package azure-functions, which {sys.executable} does not have: add it to "
            "requirements.txt and install it"
        )
    if not hasattr(func, "FunctionApp"):
        version = getattr(func, "__version__", "this version")
        raise LoadError(
            f"{script} needs decorators, which azure-functions {version} does not have: install a newer one"
        )


def _only_app(script: str, module: Any) -> Any:
    """Returns the function app of this module."""
    # Older versions have no common base class of all function apps.
    register = getattr(func, "FunctionRegister", func.FunctionApp)
    blueprint = getattr(func, "Blueprint", ())
    apps: dict[int, tuple[str, Any]] = {}
    blueprints = []
    for name, value in vars(module).items():
        if isinstance(value, register):
            # One app may have several names.
            apps.setdefault(id(value), (name, value))
        elif isinstance(value, blueprint):
            blueprints.append(name)
    if len(apps) == 1:
        [(_, app)] = apps.values()
        return app
    if apps:
        found = ", ".join(f"{name} ({type(app).__name__})" for name, app in apps.values())
        raise LoadError(f"{script} has {len(apps)} function apps at its top level: {found}; keep one of them")
    if blueprints:
        names = ", ".join(sorted(blueprints))
        raise LoadError(
            f"{script} has no function app at its top level, only blueprints: {names}; add "
            "app = func.FunctionApp(), and register each blueprint with app.register_functions(...)"
        )
    raise LoadError(
        f"{script} has no function app at its top level: add app = func.FunctionApp(), and declare the "
        "functions with its decorators"
    )
