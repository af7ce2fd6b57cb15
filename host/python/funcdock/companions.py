"""Companions: the Python modules that native extensions bring with them.

Each worker runs them once, in the extension's order, after the functions are loaded and the extension has
started. Then it calls ``dock(native)`` of the last module with the extension's own object. The result has,
if the extension needs them:

- ``attributes``: for attributes of ``context`` that the extension sets, by name, a function that turns the
  value into the object that function code gets. Called when function code first reads the attribute.
- ``pre_invocation`` and ``post_invocation``, with the arguments of app-level extensions in Python. They run
  outside of the hooks of those extensions.
"""

from __future__ import annotations

import linecache
import sys
import types
from collections.abc import Sequence
from typing import Any, Callable

from . import logs

#: The results of ``dock``, by the name of the extension.
docked: dict[str, Any] = {}

#: Set by the host. Returns the call of the synchronous function that this thread runs.
_current: Callable[[], Any] = lambda: None  # noqa: E731

#: The companions' ``attributes``, by the name of the attribute.
attributes: dict[str, Callable[[Any], Any]] = {}


def running() -> Any:
    """Returns the call of this thread or task; None outside of calls and on the app's own threads.

    It has ``invocation_id``, and ``attribute(name)``: the value that an extension set for ``context`` under
    this name, not the object that a companion makes from it.
    """
    return logs.call.get() or _current()


def run(extension: str, sources: Sequence[tuple[str, str]], native: Any) -> None:
    """Runs the companion of an extension: modules by name and source."""
    package = types.ModuleType(f"{__name__}.{extension.replace('-', '_')}", "The companion of an extension.")
    package.__path__ = []
    sys.modules[package.__name__] = package
    module = package
    for name, source in sources:
        module = types.ModuleType(f"{package.__name__}.{name}")
        file = f"<{extension}>/{name}.py"
        # Lets tracebacks show the module's lines.
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        module.__dict__.update(__file__=file, __package__=package.__name__)
        sys.modules[module.__name__] = module
        setattr(package, name, module)
        exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)
    companion = module.dock(native)
    docked[extension] = companion
    attributes.update(getattr(companion, "attributes", {}))
