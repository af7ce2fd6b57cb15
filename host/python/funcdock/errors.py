"""Descriptions of exceptions for the host's log."""

from __future__ import annotations

import os
import re
import sys
import traceback
import types

#: The file names of this package's modules, as the worker compiles them.
OURS = "<funcdock>"


def describe(error: BaseException) -> tuple[str, str, str]:
    """Returns (type name, message, formatted traceback that begins in the app's code)."""
    cls = type(error)
    name = cls.__qualname__
    if cls.__module__ not in ("builtins", "__main__"):
        name = f"{cls.__module__}.{name}"
    frames = error.__traceback__
    # A SyntaxError has no frame in the app's code; its message names the place.
    while frames is not None and _is_internal(frames):
        frames = frames.tb_next
    try:
        message = str(error)
    except Exception:
        message = "<the exception's message cannot be made>"
    return name, message, "".join(traceback.format_exception(cls, error, frames)).rstrip()


def describe_load(error: BaseException, root: os.PathLike[str]) -> str:
    """Returns why code of the app could not be loaded, and what to do if that is known."""
    # The message of our own errors is complete without a traceback.
    if type(error).__name__ == "LoadError":
        return str(error)
    text = describe(error)[2]
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{text}\n{_missing(error.name.partition('.')[0], os.path.join(root, 'requirements.txt'))}"
    return text


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
