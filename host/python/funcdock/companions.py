"""Companions: the Python modules that native extensions bring with them.

They are run once a worker, when the functions are loaded and the extension has started, in the order that it
gives. Then ``dock(native)`` of the last one is called with the extension's own object. What it returns has,
as far as the extension needs them:

- ``attributes``: for attributes of ``context`` that the extension sets, by name, what makes of a value the
  object that function code gets. Called when function code first asks for the attribute.
- ``pre_invocation`` and ``post_invocation``, with the arguments that app-level extensions in Python get. They
  are around all of these.
"""

from __future__ import annotations

import linecache
import sys
import types
from collections.abc import Sequence
from typing import Any, Callable

from . import logs

#: What ``dock`` returned, by the name of the extension.
docked: dict[str, Any] = {}

#: The host's: the call of the synchronous function that this thread runs.
_current: Callable[[], Any] = lambda: None  # noqa: E731

#: By the name of the attribute.
attributes: dict[str, Callable[[Any], Any]] = {}


def running() -> Any:
    """The call that runs on this thread or in this task; None outside of calls and on the app's own threads.

    It has ``invocation_id``, and ``attribute(name)``: what an extension has set for ``context`` under this
    name, not what a companion makes of it.
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
        # Tracebacks show its lines.
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        module.__dict__.update(__file__=file, __package__=package.__name__)
        sys.modules[module.__name__] = module
        setattr(package, name, module)
        exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)
    companion = module.dock(native)
    docked[extension] = companion
    attributes.update(getattr(companion, "attributes", {}))
