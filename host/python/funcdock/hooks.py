"""Worker extensions in Python: ``AppExtensionBase`` and ``FuncExtensionBase`` of ``azure.functions``.

The library registers an application-level extension when its class is defined, and a function-level one when
an instance is made. Load hooks run right after each import. When all functions are loaded, each with hooks
gets one callable that runs the hooks around the function.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Callable, NamedTuple

from . import companions, errors, forks, targets

try:
    import azure.functions as func
except ImportError:
    func = None  # type: ignore[assignment]

#: Whether post hooks are skipped when the function raises, as in the reference. The host sets this first.
skip_post_on_exception = False

#: The attribute with the file that a function-level extension was made for, as the library does not keep it.
FILE = "_funcdock_file"

#: The attribute with the function that a function-level extension was made for, instead of a file.
FUNCTION = "_funcdock_function"

logger = logging.getLogger("funcdock")

#: The load hooks that were called: (function's name, id of the hook, which the library keeps).
_called: set[tuple[str, int]] = set()


class Function(NamedTuple):
    """A function of the app."""

    name: str
    directory: str
    script_file: str
    call: Callable[..., Any]
    is_async: bool


class Hook(NamedTuple):
    """One hook of one extension."""

    name: str
    call: Callable[..., Any]
    logger: logging.Logger

    def __call__(self, *arguments: Any) -> None:
        # The call, with its hooks, is the parent's.
        if forks.is_child:
            return
        try:
            self.call(*arguments)
        # Catches SystemExit, too: only this hook fails.
        except BaseException as error:
            # The traceback begins in the extension.
            trace = errors.traceback_of(error)
            trace = trace and trace.tb_next
            self.logger.error("%s failed", self.name, exc_info=(type(error), error, trace))


class Hooks(NamedTuple):
    """The hooks of all functions, and the extensions that they belong to."""

    #: For each function, the callable that runs it with its hooks; None for a function without hooks.
    calls: list[Callable[..., Any] | None]
    #: (class name, "app" | "function")
    extensions: list[tuple[str, str]]


def watch() -> None:
    """Makes function-level extensions keep their file, and take a function in its place. Call this before
    functions are loaded."""
    base = getattr(func, "FuncExtensionBase", None)
    if base is None:
        return
    original = base.__init__

    @functools.wraps(original)
    def init(self: Any, file_path: Any) -> None:
        if not isinstance(file_path, (str, os.PathLike)):
            function = targets.plain(file_path)
            setattr(self, FUNCTION, function)
            file_path = targets.file_of(function)
        original(self, file_path)
        setattr(self, FILE, os.path.realpath(file_path))

    base.__init__ = init


def loaded(root: os.PathLike[str], function: Function) -> None:
    """Calls the load hooks of a function, right after it is imported."""
    registry = _registry(root)
    if registry is not None:
        _call_load_hooks(registry, function)


def _call_load_hooks(registry: Registry, function: Function) -> None:
    """Calls those load hooks of a function that were not called for it yet."""
    own = registry.of_function(function, "post_function_load")
    for hook in own + registry.of_app("post_function_load_app_level"):
        call = (function.name, id(hook.call))
        if call not in _called:
            _called.add(call)
            hook(function.name, function.directory)


def dock(root: os.PathLike[str], functions: Sequence[Function]) -> Hooks:
    """Finds the hooks around all functions."""
    registry = _registry(root)
    if registry is None:
        return Hooks([_around(function, [], []) for function in functions], [])
    # An extension may be made after functions that it applies to were imported.
    for function in functions:
        _call_load_hooks(registry, function)
    registry.warn_of_strays(functions)
    registry.warn_of_unused()
    return Hooks([registry.around(function) for function in functions], registry.extensions())


def warn_of_switched_off(root: os.PathLike[str]) -> None:
    """Warns about the extensions that are registered, when worker extensions are off."""
    registry = _registry(root)
    names = list(dict.fromkeys(name for name, _ in registry.extensions())) if registry else []
    if names:
        logger.warning(
            "%s: not called, because worker extensions are off: set PYTHON_ENABLE_WORKER_EXTENSIONS=1",
            ", ".join(names),
        )


def _registry(root: os.PathLike[str]) -> Registry | None:
    """Returns what is registered by now; None if the library is missing, or is too old for extensions."""
    meta = getattr(func, "ExtensionMeta", None)
    return None if meta is None else Registry(meta, os.fspath(root))


class Registry:
    """The extensions that the library has registered."""

    def __init__(self, meta: Any, root: str) -> None:
        self._meta = meta
        self._root = root
        self._app_classes = list(_descendants(func.AppExtensionBase))
        self._of_app: dict[str, list[Hook]] = {}

    def of_app(self, name: str) -> list[Hook]:
        """Returns the application-level hooks of this name, in the order of registration."""
        if name not in self._of_app:
            self._of_app[name] = _hooks(func.AppExtensionBase, name, self._app_entries(name))
        return self._of_app[name]

    def around(self, function: Function) -> Callable[..., Any] | None:
        """Returns the callable that runs a function with its hooks; None if it has no hooks."""
        pre = self.of_app("pre_invocation_app_level") + self.of_function(function, "pre_invocation")
        post = self.of_function(function, "post_invocation") + self.of_app("post_invocation_app_level")
        return _around(function, pre, post)

    def of_function(self, function: Function, name: str) -> list[Hook]:
        """Returns a function's own hooks of this name, in the order of registration."""
        # The library registers an extension under the top-level folder (or file) of the file that made it.
        # It may have the code of several functions.
        top = self._top(function)
        script = os.path.realpath(function.script_file)
        is_own = function.name.lower() == top.lower()
        own = _entries(self._meta.get_function_hooks(function.name), name)
        shared = [] if is_own else _entries(self._meta.get_function_hooks(top), name)
        entries = own + [entry for entry in shared if getattr(_owner(entry), FILE, None) == script]
        return _hooks(
            func.FuncExtensionBase, name, [entry for entry in entries if _may_be_for(entry, function)]
        )

    def extensions(self) -> list[tuple[str, str]]:
        """Returns the names and scopes of all extensions."""
        in_app = [(entry.ext_name, "app") for entry in self._app_entries("pre_invocation_app_level")]
        of_functions = [(name, "function") for names in self._registered().values() for name in names]
        return list(dict.fromkeys(in_app + of_functions))

    def warn_of_strays(self, functions: Iterable[Function]) -> None:
        """Warns about function-level extensions that belong to no function."""
        known = {name.lower() for function in functions for name in (function.name, self._top(function))}
        for folder, names in self._registered().items():
            if folder.lower() not in known:
                logger.warning(
                    "the extension %s was made by a file in %r, which is not a function's script, so it is "
                    "never called; make it in the script of its function, with that script's __file__",
                    ", ".join(dict.fromkeys(names)),
                    folder,
                )

    def warn_of_unused(self) -> None:
        """Warns about function-level extensions that are made for no function."""
        made = {name for names in self._registered().values() for name in names}
        for cls in _descendants(func.FuncExtensionBase):
            is_base = bool(cls.__subclasses__())
            if not is_base and cls.__name__ not in made:
                logger.warning(
                    "the extension %s is imported, and attached to no function, so none of its hooks is "
                    "called: make it in the script of a function, with that script's __file__",
                    cls.__name__,
                )

    def _app_entries(self, name: str) -> list[Any]:
        """Returns the entries of the most derived classes: the library registers their base classes, too."""
        entries: list[Any] = []
        owners = set()
        for entry in _entries(self._meta.get_application_hooks(), name):
            owner = self._app_class(entry, name)
            if owner in owners or any(owner in other.__mro__[1:] for other in self._app_classes):
                continue
            owners.add(owner)
            entries.append(entry)
        return entries

    def _app_class(self, entry: Any, name: str) -> Any:
        owner = _owner(entry)
        if owner is not None:
            return owner
        # A static method does not know its class, and may be inherited.
        owners = [
            cls
            for cls in self._app_classes
            if cls.__name__ == entry.ext_name and getattr(cls, name, None) is entry.ext_impl
        ]
        return owners[-1] if owners else entry.ext_impl

    def _registered(self) -> dict[str, list[str]]:
        """Returns the names of function-level extensions, by the folder that they are registered under."""
        registered = json.loads(self._meta.get_registered_extensions_json())
        of_functions: dict[str, list[str]] = registered.get("FuncExtension", {})
        return of_functions

    def _top(self, function: Function) -> str:
        return os.path.relpath(function.script_file, self._root).split(os.sep)[0]


def _around(function: Function, pre: list[Hook], post: list[Hook]) -> Callable[..., Any] | None:
    """Returns a callable that runs a function with these and the companions' hooks; None without hooks."""
    pre = _of_companions("pre_invocation") + pre
    post = post + _of_companions("post_invocation")[::-1]
    if not pre and not post:
        return None
    chain = Chain(function.call, pre, post)
    return chain.call_async if function.is_async else chain.call


class Chain:
    """The hooks around the calls of one function."""

    def __init__(self, function: Callable[..., Any], pre: list[Hook], post: list[Hook]) -> None:
        self._function = function
        self._pre = pre
        self._post = post
        self._skips_post = skip_post_on_exception

    def call(self, context: Any, arguments: dict[str, Any]) -> Any:
        """Calls a synchronous function."""
        for hook in self._pre:
            hook(hook.logger, context, arguments)
        try:
            result = self._function(**arguments)
        except BaseException as error:
            self._raised(context, arguments, error)
            raise
        for hook in self._post:
            hook(hook.logger, context, arguments, result)
        return result

    async def call_async(self, context: Any, arguments: dict[str, Any]) -> Any:
        """Calls an asynchronous function; its hooks are synchronous."""
        for hook in self._pre:
            hook(hook.logger, context, arguments)
        try:
            result = await self._function(**arguments)
        # Catches cancellation, too.
        except BaseException as error:
            self._raised(context, arguments, error)
            raise
        for hook in self._post:
            hook(hook.logger, context, arguments, result)
        return result

    def _raised(self, context: Any, arguments: dict[str, Any], error: BaseException) -> None:
        if self._skips_post:
            return
        context.exception = error
        for hook in self._post:
            hook(hook.logger, context, arguments, None)
        # Breaks a cycle: the exception refers to the call's frames, and these to the context.
        with contextlib.suppress(AttributeError):
            del context.exception


def _descendants(cls: type) -> Iterator[type]:
    child: type
    for child in cls.__subclasses__():
        yield child
        yield from _descendants(child)


def _entries(hooks: Any, name: str) -> list[Any]:
    return list(getattr(hooks, name, ()))


def _owner(entry: Any) -> Any:
    return getattr(entry.ext_impl, "__self__", None)


def _may_be_for(entry: Any, function: Function) -> bool:
    """Whether the extension was made for this function, or for none in particular."""
    target = getattr(_owner(entry), FUNCTION, None)
    return target is None or targets.is_same(function.call, target)


def _hooks(base: type, name: str, entries: Iterable[Any]) -> list[Hook]:
    """Returns the hooks of these entries, without the base's own methods, which do nothing."""
    idle = _plain(getattr(base, name))
    hooks = []
    for entry in entries:
        implementation = entry.ext_impl
        if _plain(implementation) is idle:
            continue
        its_logger = logging.getLogger(f"azure_functions_worker.extension.{entry.ext_name}")
        if inspect.iscoroutinefunction(implementation):
            its_logger.error("%s is never called: a hook cannot be async; make it a plain function", name)
            continue
        hooks.append(Hook(name, implementation, its_logger))
    return hooks


def _of_companions(name: str) -> list[Hook]:
    """Returns the companions' hooks of this name."""
    return [
        Hook(
            name, getattr(companion, name), logging.getLogger(f"azure_functions_worker.extension.{extension}")
        )
        for extension, companion in companions.docked.items()
        if hasattr(companion, name)
    ]


def _plain(method: Any) -> Any:
    return getattr(method, "__func__", method)
