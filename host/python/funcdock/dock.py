"""Docks native worker extensions for function code, which names them in ``funcdock.extensions``.

The names are those of the extensions that the host finds; ``_`` stands for ``-``. Importing an extension
docks it. Settings given here are added to those in host.json, and override them.
"""

from __future__ import annotations

import importlib.abc
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

logger = logging.getLogger("funcdock")


class Dock(Protocol):
    """The Rust side of this module."""

    #: Whether worker extensions are on.
    @property
    def enabled(self) -> bool: ...
    def available(self) -> list[str]: ...
    def dock(self, name: str) -> tuple[str, str | None]: ...
    def configure(self, name: str, settings: str) -> None: ...
    def attach(self, name: str, function: str, settings: str) -> None: ...


class Function(NamedTuple):
    """A function of the app."""

    name: str
    directory: str
    script_file: str


class Extension:
    """A native extension."""

    def __init__(self, name: str) -> None:
        self._name = name

    def configure(self, **settings: Any) -> None:
        """Configures the extension: these settings override those in host.json."""
        if _dock.enabled:
            _dock.configure(self._name, _text(settings))

    def __repr__(self) -> str:
        return f"<extension {self._name}>"


class AppExtension(Extension):
    """An extension that applies to all functions of the app."""

    def __call__(self, *_: Any, **__: Any) -> None:
        raise TypeError(
            f"the extension {self._name!r} is app level: importing it turns it on for all functions, and "
            "configure(...) sets it up"
        )


class FunctionExtension(Extension):
    """An extension that applies to the functions that it is attached to."""

    def __call__(self, file: str | os.PathLike[str], /, **settings: Any) -> Attachment:
        """Attaches it to the function of this file (``__file__``); these settings override others."""
        functions = _functions_of(file)
        if not functions:
            known = ", ".join(sorted({function.script_file for function in _functions}))
            raise ValueError(
                f"{self._name}: {os.fspath(file)!r} is the file of no function: call it in a function's "
                f"script, with __file__ (the scripts are {known})"
            )
        text = _text(settings)
        if _dock.enabled:
            for function in functions:
                _dock.attach(self._name, function.name, text)
        return Attachment(self._name, [function.name for function in functions])


class Attachment:
    """A function-level extension on the functions of one script."""

    def __init__(self, extension: str, functions: list[str]) -> None:
        self.extension = extension
        self.functions = functions

    def __repr__(self) -> str:
        return f"<extension {self.extension} on {', '.join(self.functions)}>"


class _Off(Extension):
    """Stands for an extension that does not run: accepts every call and does nothing."""

    def configure(self, **_: Any) -> None: ...

    def __call__(self, *_: Any, **__: Any) -> None: ...


class _Finder(importlib.abc.MetaPathFinder):
    """Raises an error that says why an extension cannot be imported; Python's own does not."""

    def find_spec(self, fullname: str, *_: Any) -> None:
        package, _dot, name = fullname.rpartition(".")
        if package == PACKAGE:
            _make(name)


#: The package from which function code imports extensions.
PACKAGE = "funcdock.extensions"

_dock: Dock
_functions: Sequence[Function] = ()
_made: dict[str, Extension] = {}
_known: frozenset[str] | None = None


def install(dock: Dock, functions: Sequence[tuple[str, str, str]]) -> None:
    """Connects this module with the host, before functions are loaded."""
    global _dock, _functions
    _dock = dock
    _functions = [Function(*function) for function in functions]
    sys.meta_path.append(_Finder())


def find(name: str) -> Extension:
    """Docks the extension of this name, unless it is docked, and returns it.

    Code that searches all modules for a name, as pickle does, gets an AttributeError at little cost. An
    import then asks the finder, which raises the error with the reason.
    """
    global _known
    extension = _made.get(name)
    if extension is not None:
        return extension
    if _known is None and not name.startswith("_"):
        _known = frozenset(names())
    if _known is None or name not in _known:
        raise AttributeError(f"module {PACKAGE!r} has no attribute {name!r}")
    return _make(name)


def names() -> list[str]:
    """Returns the names that can be imported."""
    return sorted({name.replace("-", "_") for name in _dock.available()})


def _make(name: str) -> Extension:
    extension: Extension
    if _dock.enabled:
        own_name, scope = _dock.dock(name)
        kinds = {"app": AppExtension, "function": FunctionExtension, None: _Off}
        extension = kinds[scope](own_name)
    elif name in names():
        logger.warning(
            "the extension %s is imported, but worker extensions are off: "
            "set PYTHON_ENABLE_WORKER_EXTENSIONS=1",
            name,
        )
        extension = _Off(name)
    else:
        known = ", ".join(names()) or "none"
        raise ImportError(f"there is no extension {name!r}; there are {known}", name=PACKAGE)
    _made[name] = extension
    return extension


def _functions_of(file: str | os.PathLike[str]) -> list[Function]:
    """Returns the functions with this script, or else those whose folder has the file."""
    path = os.path.realpath(file)
    scripts = [function for function in _functions if os.path.realpath(function.script_file) == path]
    if scripts:
        return scripts
    folders = {os.path.realpath(function.directory): function for function in _functions}
    while True:
        parent = os.path.dirname(path)
        if parent in folders:
            return [folders[parent]]
        if parent == path:
            return []
        path = parent


def _text(settings: dict[str, Any]) -> str:
    for key, value in settings.items():
        try:
            json.dumps(value, allow_nan=False)
        except TypeError as error:
            raise TypeError(f"{key}: {error}") from None
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    return json.dumps(settings)
