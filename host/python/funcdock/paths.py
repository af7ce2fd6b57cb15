"""Makes the app's code and packages importable, with the import rules of the programming model.

A function's folder is a package below the virtual package ``__app__``, whose path is the app's root. So
``from . import helper`` and ``from ..shared_code import x`` work, as does ``import shared_code.x``.

The root comes last on ``sys.path``: a function's folder may have the name of a module of the standard library
or of a package, and must not hide it from the code that needs it.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import logging
import os
import sys
import types
from collections.abc import Iterable, Iterator, Sequence

NAMESPACE = "__app__"

#: The usual names of modules beside an app that none of its functions imports.
UNUSED = frozenset(("conftest", "setup", "test", "tests"))


def prepare(root: os.PathLike[str]) -> None:
    """Makes the app's code and its packages importable."""
    app = os.fspath(root)
    packages = os.path.join(app, ".python_packages", "lib", "site-packages")
    # Absolute: the app may change the working directory, which must not change an import.
    paths = [os.path.abspath(path) for path in sys.path]
    # PYTHONPATH, too, may have put the root among them: an empty entry there is the working directory.
    paths = [path for path in paths if path not in (app, packages) and not _is_same_folder(path, app)]
    if os.path.isdir(packages):
        paths.insert(_end_of_standard_library(paths), packages)
    sys.path[:] = [*paths, app]
    sys.meta_path.insert(0, SplitPackages(app))
    namespace = types.ModuleType(NAMESPACE, "The function app.")
    namespace.__path__ = [app]
    namespace.__package__ = NAMESPACE
    sys.modules[NAMESPACE] = namespace


def warn_of_other_python(root: os.PathLike[str]) -> None:
    """Warns if the app's packages are compiled for another Python than this: `funcdock pack` notes which."""
    try:
        with open(os.path.join(root, ".python_packages", "compiled-for")) as file:
            version = file.read().strip()
    except OSError:
        return
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version != own:
        logging.getLogger("funcdock").warning(
            "the app is packed for Python %s, and this is Python %s, which cannot import its compiled "
            "packages: start with --python python%s, or pack the app with --python python%s",
            *(version, own, version, own),
        )


class SplitPackages(importlib.abc.MetaPathFinder):
    """Finds packages that are split between folders and have no ``__init__.py``, as ``azure`` and ``google``.

    Python prefers a folder of the app that has such a file, although it comes last.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._in_app = {
            name for name in os.listdir(root) if os.path.isfile(os.path.join(root, name, "__init__.py"))
        }

    def find_spec(
        self, name: str, path: Sequence[str] | None, _target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._in_app or path is not None:
            return None
        others = [path for path in sys.path if path != self._root]
        spec = importlib.machinery.PathFinder.find_spec(name, others)
        return spec if spec is not None and spec.loader is None else None


def module_name(root: os.PathLike[str], script_file: os.PathLike[str]) -> str:
    """Returns the name of a script as a module of ``__app__``."""
    relative = os.path.splitext(os.path.relpath(script_file, root))[0]
    parts = relative.split(os.sep)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join([NAMESPACE, *parts])


def top_level_name(root: os.PathLike[str], script_file: os.PathLike[str]) -> str:
    """Returns the name of a script in the root, which other modules of the app may import, too. If another
    module has its own name, it is a module of ``__app__``."""
    name = os.path.splitext(os.path.basename(script_file))[0]
    return module_name(root, script_file) if _other(name, os.fspath(root)) else name


def warn_of_hidden(root: os.PathLike[str], function_folders: Iterable[str]) -> None:
    """Warns about modules of the app that ``import`` does not find, as others have their names.

    The folders of functions are not among them: functions are modules of ``__app__``.
    """
    app = os.fspath(root)
    for name in sorted(set(_modules(app)) - set(function_folders) - UNUSED):
        other = _other(name, app)
        if other is not None:
            logging.getLogger("funcdock").warning(
                "the app's module %r is hidden: import %s finds %s, which comes first on sys.path; rename "
                "the app's module, or import it as %s.%s",
                *(name, name, other, NAMESPACE, name),
            )


def _modules(root: str) -> Iterator[str]:
    """Returns the names of the modules and packages in the root."""
    for entry in os.scandir(root):
        name, kind = os.path.splitext(entry.name)
        is_module = kind == ".py" or os.path.isfile(os.path.join(entry.path, "__init__.py"))
        if is_module and name.isidentifier():
            yield name


def _other(name: str, root: str) -> str | None:
    """Returns the file of the module that has this name, if it is not in the root."""
    try:
        spec = importlib.util.find_spec(name)
    # A module that is loaded without a spec.
    except ValueError:
        return getattr(sys.modules[name], "__file__", None) or "a module that was made in memory"
    if spec is None:
        return None
    if spec.origin is None:
        places = list(spec.submodule_search_locations or ())
        return None if any(os.path.dirname(place) == root for place in places) else ", ".join(places)
    places = [spec.origin, *(spec.submodule_search_locations or ())]
    if any(os.path.dirname(place) == root for place in places):
        return None
    return "a module of Python itself" if spec.origin in ("built-in", "frozen") else spec.origin


def _end_of_standard_library(paths: list[str]) -> int:
    """Returns the index behind the folders of the standard library."""
    standard = os.path.dirname(os.path.abspath(os.__file__))
    own = [index for index, path in enumerate(paths) if path in (standard, f"{standard}/lib-dynload")]
    return own[-1] + 1 if own else len(paths)


def _is_same_folder(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
