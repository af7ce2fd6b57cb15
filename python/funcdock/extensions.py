"""Native worker extensions by name, for code outside of a worker, such as tests that import functions.

Nothing is docked there: an extension accepts every call and does nothing, as in a worker with extensions off.
Which names there are is only known in a worker, and to the stubs beside this file.
"""

from __future__ import annotations

import os
from typing import Any


class _Extension:
    """Stands for an extension that does not run."""

    def __init__(self, name: str) -> None:
        self._name = name

    def configure(self, **_settings: Any) -> None:
        """Does nothing."""

    def __call__(self, target: Any = None, /, **_settings: Any) -> Any:
        # As a decorator, it leaves the function as it is.
        if isinstance(target, (str, os.PathLike)):
            return None
        return (lambda function: function) if target is None else target

    def __repr__(self) -> str:
        return f"<extension {self._name}, outside of a worker>"


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "Context":
        from azure.functions import Context

        return Context
    return globals().setdefault(name, _Extension(name))
