"""Descriptions of exceptions for the host's log."""

from __future__ import annotations

import os
import re
import sys
import traceback
import types
from typing import Any, Callable

#: The file names of this package's modules, as the worker compiles them.
OURS = "<funcdock>"

#: Our own errors, whose message is complete without a traceback.
OWN = ("funcdock.loader.LoadError", "funcdock.asgi.StartError")

#: The number of lines that are shown of a traceback that the ``traceback`` module fails on.
MOST_LINES = 50

#: The attributes of exceptions and their classes as the interpreter keeps them: classes may redefine them.
_traceback: Callable[[BaseException], types.TracebackType | None] = vars(BaseException)[
    "__traceback__"
].__get__
_qualname: Callable[[type], str] = vars(type)["__qualname__"].__get__
_module: Callable[[type], Any] = vars(type)["__module__"].__get__


def describe(error: BaseException) -> tuple[str, str, str]:
    """Returns (type name, message, formatted traceback that begins in the app's code); never raises.

    Exceptions run code of the app when they are shown, which may raise in turn, SystemExit too.
    """
    cls = type(error)
    name, message = type_name(cls), text(error)
    frames = _traceback(error)
    # A SyntaxError has no frame in the app's code; its message names the place.
    while frames is not None and _is_internal(frames):
        frames = frames.tb_next
    try:
        lines = traceback.format_exception(cls, error, frames)
    except BaseException:
        lines = [*_lines_of(frames), f"{name}: {message}"]
    return name, message, "".join(lines).rstrip()


def type_name(cls: type) -> str:
    """Returns the name of a class, with its module unless that is obvious; never raises."""
    name = _qualname(cls)
    try:
        module = _module(cls)
    except AttributeError:
        return name
    return name if type(module) is not str or module in ("builtins", "__main__") else f"{module}.{name}"


def text(value: object, of: Callable[[object], str] = str) -> str:
    """Returns ``str(value)``, or its ``repr``, as a plain ``str``; never raises."""
    try:
        return str.__str__(of(value))
    # The value's own code runs, which may even raise SystemExit.
    except BaseException as error:
        return f"<{type_name(type(value))}, which raises {type_name(type(error))} when it is shown>"


def traceback_of(error: BaseException) -> types.TracebackType | None:
    """Returns the traceback of an exception, whatever its class has in that place."""
    return _traceback(error)


def _lines_of(frames: types.TracebackType | None) -> list[str]:
    """Returns the lines of a traceback, without those of the source if they cannot be read."""
    if frames is None:
        return []
    try:
        lines = traceback.format_tb(frames)
    except BaseException:
        lines = []
        while frames is not None:
            code = frames.tb_frame.f_code
            lines.append(f'  File "{code.co_filename}", line {frames.tb_lineno}, in {code.co_name}\n')
            frames = frames.tb_next
        # The rest is most likely the same function again and again.
        lines = lines[-MOST_LINES:]
    return ["Traceback (most recent call last):\n", *lines]


def describe_load(error: BaseException, root: os.PathLike[str]) -> str:
    """Returns why code of the app could not be loaded, and what to do if that is known."""
    name, message, trace = describe(error)
    if name in OWN:
        return message
    if isinstance(error, ModuleNotFoundError):
        module = vars(ImportError)["name"].__get__(error)
        if isinstance(module, str) and module:
            return f"{trace}\n{_missing(module.partition('.')[0], os.path.join(root, 'requirements.txt'))}"
    return trace


def _missing(module: str, requirements: str) -> str:
    """Returns what to do about a module that is not there."""
    install = f"run {sys.executable} -m pip install -r {requirements}"
    try:
        with open(requirements, encoding="utf-8", errors="replace") as file:
            names = [re.match(r"[A-Za-z0-9._-]+", line.strip()) for line in file]
    except OSError:
        return f"The app has no requirements.txt: make one with the package of {module!r}, then {install}"
    if _normal(module) in {_normal(name[0]) for name in names if name}:
        return f"requirements.txt names {module!r}, which {sys.prefix} does not have: {install}"
    return (
        f"requirements.txt does not name {module!r}: if it is a package, whose name may differ from the "
        f"module's, add it there, then {install}; if it is a module of the app, check its place in "
        f"{os.path.dirname(requirements)}"
    )


def _normal(name: str) -> str:
    """Returns a package's name as packages are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_ours(code: types.CodeType) -> bool:
    """Whether this is code of the host."""
    return code.co_filename.startswith(OURS)


def _is_internal(frame: types.TracebackType) -> bool:
    code = frame.tb_frame.f_code
    importlib = os.path.join("importlib", "__init__.py")
    file = code.co_filename
    return is_ours(code) or file.startswith("<frozen importlib") or file.endswith(importlib)
