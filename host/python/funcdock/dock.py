"""Docks native worker extensions for function code, which names them in ``funcdock.extensions``.

The names are those of the extensions that the host finds; ``_`` stands for ``-``. Importing an extension
docks it. Settings given here are added to those in host.json, and override them.
"""

from __future__ import annotations

import importlib.abc
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, Protocol

from . import targets


class Dock(Protocol):
    """The Rust side of this module."""

    #: Whether worker extensions are on.
    @property
    def enabled(self) -> bool: ...
    def available(self) -> list[str]: ...
    def dock(self, name: str) -> tuple[str, str | None]: ...
    def import_switched_off(self, name: str) -> None: ...
    def configure(self, name: str, settings: str, place: str) -> None: ...
    def attach(self, name: str, function: str, settings: str) -> None: ...


class Function(NamedTuple):
    """A function of the app."""

    name: str
    directory: str
    script_file: str
    #: What is called; None before the code is loaded.
    call: Callable[..., Any] | None = None


class Extension:
    """A native extension."""

    def __init__(self, name: str) -> None:
        self._name = name

    def configure(self, **settings: Any) -> None:
        """Configures the extension: these settings override those in host.json."""
        if _dock.enabled:
            _dock.configure(self._name, _text(settings), _place())

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

    def __call__(self, target: Any = None, /, **settings: Any) -> Any:
        """Attaches it; these settings override others.

        As a decorator, with or without settings, it is attached to the decorated function. Called with
        ``__file__``, it is attached to the functions of that file.
        """
        text = _text(settings)
        if isinstance(target, (str, os.PathLike)):
            return Attachment(self._name, os.path.realpath(target), text)
        if target is None:
            return lambda function: self._attach(function, text)
        return self._attach(target, text)

    def _attach(self, target: Any, text: str) -> Any:
        Attachment(self._name, targets.plain(target), text)
        return target


class Attachment:
    """A function-level extension on one function, or on the functions of one file."""

    def __init__(self, extension: str, target: Any, settings: str) -> None:
        self.extension = extension
        self._target = target
        self._settings = settings
        self._place = _place()
        self.functions: list[str] = []
        # What folders declare is known from the start, so a wrong file is an error of the line that names it.
        if isinstance(target, str) and _declared is not None:
            self.apply(_declared)
        else:
            _waiting.append(self)

    def apply(self, functions: Sequence[Function]) -> None:
        """Attaches the extension to those of the app's functions that are meant."""
        if isinstance(self._target, str):
            found = _functions_of(self._target, functions)
            if not found:
                known = ", ".join(sorted({function.script_file for function in functions}))
                raise ValueError(
                    f"{self.extension}: {self._target!r} is the file of no function: call it in a function's "
                    f"script, with __file__ (the scripts are {known})"
                )
        else:
            found = [function for function in functions if _is_code_of(function, self._target)]
            if not found and self._target_is_not_loaded(functions):
                return
            if not found:
                name = getattr(self._target, "__qualname__", repr(self._target))
                file = targets.file_of(self._target)
                raise ValueError(
                    f"{self.extension}: {name} in {file} is not a function of the app: decorate the function "
                    "that the app declares, or one that it wraps with functools.wraps"
                )
        self.functions = [function.name for function in found]
        if _dock.enabled:
            for name in self.functions:
                _dock.attach(self.extension, name, self._settings)

    def apply_later(self, functions: Sequence[Function]) -> None:
        """As apply, when the line that attaches it has long run: errors name it."""
        try:
            self.apply(functions)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self._place}: {error}") from None

    def _target_is_not_loaded(self, functions: Sequence[Function]) -> bool:
        """Whether a function could not be loaded, of the script that has the target."""
        file = targets.file_of(self._target)
        missing = (function for function in functions if function.call is None)
        return any(os.path.realpath(function.script_file) == file for function in missing)

    def __repr__(self) -> str:
        return f"<extension {self.extension} on {', '.join(self.functions) or self._target}>"


class _Off(Extension):
    """Stands for an extension that does not run: accepts every call and does nothing."""

    def configure(self, **_: Any) -> None: ...

    def __call__(self, target: Any = None, /, **_: Any) -> Any:
        # As a decorator, it leaves the function as it is.
        if isinstance(target, (str, os.PathLike)):
            return None
        return (lambda function: function) if target is None else target


class _Finder(importlib.abc.MetaPathFinder):
    """Raises an error that says why an extension cannot be imported; Python's own does not."""

    def find_spec(self, fullname: str, *_: Any) -> None:
        package, _dot, name = fullname.rpartition(".")
        if package == PACKAGE:
            _make(name)


#: The package from which function code imports extensions.
PACKAGE = "funcdock.extensions"

_dock: Dock
#: The functions that folders declare; None in the decorator model, which declares them while the code runs.
_declared: Sequence[Function] | None = None
#: What is attached when all functions are loaded.
_waiting: list[Attachment] = []
_made: dict[str, Extension] = {}
_known: frozenset[str] | None = None


def install(dock: Dock, declared: Sequence[tuple[str, str, str]] | None) -> None:
    """Connects this module with the host, before functions are loaded."""
    global _dock, _declared
    _dock = dock
    _declared = None if declared is None else [Function(*function) for function in declared]
    sys.meta_path.append(_Finder())


def attach(loaded: Sequence[tuple[str, str, str, Callable[..., Any] | None]]) -> None:
    """Attaches what waits for functions, which are loaded now."""
    functions = [Function(*function) for function in loaded]
    for attachment in _waiting:
        attachment.apply_later(functions)
    _waiting.clear()


def find(name: str) -> Any:
    """Docks the extension of this name, unless it is docked, and returns it.

    ``Context`` is the class of a function's context. The stubs tell type checkers what extensions add to it.

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
        if name == "Context":
            return _context_class()
        raise AttributeError(f"module {PACKAGE!r} has no attribute {name!r}")
    return _make(name)


def _context_class() -> type:
    try:
        from azure.functions import Context
    except ImportError:
        return object
    return Context


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
        _dock.import_switched_off(name)
        extension = _Off(name)
    else:
        known = ", ".join(names()) or "none"
        raise ImportError(f"there is no extension {name!r}; there are {known}", name=PACKAGE)
    _made[name] = extension
    return extension


def _place() -> str:
    """Returns the file and the line of the function code that has called this module."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    file, folder = frame.f_code.co_filename, os.getcwd()
    if file.startswith(folder + os.sep):
        file = os.path.relpath(file, folder)
    return f"{file}:{frame.f_lineno}"


def _functions_of(path: str, functions: Sequence[Function]) -> list[Function]:
    """Returns the functions with this script, or else those whose folder has the file."""
    scripts = [function for function in functions if os.path.realpath(function.script_file) == path]
    # In the decorator model functions have no folders of their own.
    if scripts or _declared is None:
        return scripts
    folders = {os.path.realpath(function.directory): function for function in functions}
    while True:
        parent = os.path.dirname(path)
        if parent in folders:
            return [folders[parent]]
        if parent == path:
            return []
        path = parent


def _is_code_of(function: Function, target: Callable[..., Any]) -> bool:
    return function.call is not None and targets.is_same(function.call, target)


def _text(settings: dict[str, Any]) -> str:
    for key, value in settings.items():
        try:
            json.dumps(value, allow_nan=False, default=_path)
        except TypeError as error:
            raise TypeError(f"{key}: {error}") from None
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    return json.dumps(settings, default=_path)


def _path(value: Any) -> str:
    """A path is text in JSON, as in host.json."""
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
