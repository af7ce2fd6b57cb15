"""Changes of libraries, made when the app imports them: an app that does not need one pays nothing.

- ``multiprocessing``: processes that it starts afresh (``spawn``, ``forkserver``) find functions of the app's
  scripts, which are modules of ``__app__``; and import nothing from the working directory, the app's folder.
- ``anyio``: ``anyio.run`` works while the app is imported, as ``asyncio.run`` does.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import os
import sys
import types
from collections.abc import Sequence
from typing import Any, Callable

from . import import_loop
from .paths import NAMESPACE

Patch = Callable[[Any], None]


class Patches(importlib.abc.MetaPathFinder):
    """Finds the modules that are changed when they are imported."""

    def __init__(self, patches: dict[str, Patch]) -> None:
        self._patches = patches

    def find_spec(
        self, name: str, path: Sequence[str] | None, _target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        patch = self._patches.get(name)
        if patch is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        run = loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            run(module)
            patch(module)

        loader.exec_module = exec_module
        return spec


class Namespace:
    """When it is unpickled, it makes the package of the app's scripts."""

    SOURCE = (
        "import sys, types\n"
        f"namespace = types.ModuleType({NAMESPACE!r})\n"
        "namespace.__path__ = [root]\n"
        f"sys.modules.setdefault({NAMESPACE!r}, namespace)\n"
    )

    def __init__(self, root: str) -> None:
        self._root = root

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self.SOURCE, {"root": self._root})


def install(root: os.PathLike[str]) -> None:
    """Prepares the changes. Call this before code of the app is imported."""
    app = os.fspath(root)

    def spawn(module: Any) -> None:
        original = module.get_preparation_data

        @functools.wraps(original)
        def get_preparation_data(name: str) -> dict[str, Any]:
            # The child reads this before the function that it runs.
            return {**original(name), "funcdock": Namespace(app)}

        module.get_preparation_data = get_preparation_data

    patches: dict[str, Patch] = {"multiprocessing.spawn": spawn, "anyio": _anyio}
    # Later versions pass on the option -P.
    if sys.version_info < (3, 11):
        patches["multiprocessing.util"] = _util
    # Packages of the interpreter's start may have imported them.
    for name, patch in list(patches.items()):
        if name in sys.modules:
            patch(sys.modules[name])
            del patches[name]
    sys.meta_path.insert(0, Patches(patches))


def _util(module: Any) -> None:
    original = module.spawnv_passfds

    @functools.wraps(original)
    def spawnv_passfds(path: Any, args: Sequence[Any], passfds: Any) -> Any:
        args = list(args)
        if "-c" in args:
            code = args.index("-c") + 1
            args[code] = f"import sys; sys.path[:1] == [''] and sys.path.pop(0); {args[code]}"
        return original(path, args, passfds)

    module.spawnv_passfds = spawnv_passfds


def _anyio(module: Any) -> None:
    original = module.run

    @functools.wraps(original)
    def run(*arguments: Any, **options: Any) -> Any:
        with import_loop.hidden():
            return original(*arguments, **options)

    module.run = run
