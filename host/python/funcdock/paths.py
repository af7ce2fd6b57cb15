"""Makes the app's code and packages importable, with the import rules of the programming model.

A function's folder is a package below the virtual package ``__app__``, whose path is the app's root. So
``from . import helper`` and ``from ..shared_code import x`` work, as does ``import shared_code.x``.
"""

from __future__ import annotations

import os
import sys
import types

NAMESPACE = "__app__"


def prepare(root: os.PathLike[str]) -> None:
    """Makes the app's code and its packages importable."""
    app = os.fspath(root)
    packages = os.path.join(app, ".python_packages", "lib", "site-packages")
    for path in (packages, app):
        if os.path.isdir(path) and path not in sys.path:
            sys.path.insert(0, path)
    namespace = types.ModuleType(NAMESPACE, "The function app.")
    namespace.__path__ = [app]
    namespace.__package__ = NAMESPACE
    sys.modules[NAMESPACE] = namespace
