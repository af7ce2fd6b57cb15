"""Descriptions of exceptions for the host's log."""

from __future__ import annotations

import os
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


def _is_internal(frame: types.TracebackType) -> bool:
    file = frame.tb_frame.f_code.co_filename
    importlib = os.path.join("importlib", "__init__.py")
    return file.startswith((OURS, "<frozen importlib")) or file.endswith(importlib)
