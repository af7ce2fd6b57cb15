"""Functions whose trigger this host does not serve: an operator may run them, with any data."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Callable

from .signatures import CONTEXT, INPUT, OUT, TRIGGER, Binding


def parameters(function: Callable[..., Any], bindings: Sequence[Binding]) -> list[tuple[str, str]]:
    """Returns the parameters that get an argument. Nothing else is checked: most never run here."""
    kinds = {"context": CONTEXT}
    for name, direction, kind in bindings:
        if kind.endswith("trigger"):
            kinds[name] = TRIGGER
        else:
            kinds[name] = INPUT if direction == "in" else OUT
    wanted = inspect.signature(function).parameters
    return [(name, kinds[name]) for name in wanted if name in kinds]
