"""Functions whose trigger this host does not serve: an operator may run them, with any data."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import sys
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


def decoding(function: Callable[..., Any], bindings: Sequence[Binding]) -> Callable[..., Any]:
    """Returns the function with the operator's text made to what its trigger would bring: a TimerRequest,
    for example."""
    trigger = next(((name, kind) for name, _, kind in bindings if kind.endswith("trigger")), None)
    if trigger is None:
        return function
    name, kind = trigger

    @functools.wraps(function)
    def call(**arguments: Any) -> Any:
        if name in arguments:
            arguments[name] = _decoded(kind, arguments[name])
        return function(**arguments)

    return call


def _decoded(kind: str, text: str | None) -> Any:
    library = sys.modules.get("azure.functions")
    if library is None:
        return text
    meta = library.meta
    # It cannot look up a name whatever its case, and some of its keys are not names.
    converters = meta.get_binding_registry()._bindings
    converter = next((found for known, found in converters.items() if str(known).lower() == kind), None)
    if converter is None:
        return text
    # A timer has no data of its own. What is said of it may be in an object.
    if kind == "timertrigger" and not _is_object(text):
        text = "{}"
    for value, form in ((text, "string"), (text, "json"), ((text or "").encode(), "bytes")):
        # The converters raise what they like for data that they do not take.
        try:
            decoded = converter.decode(meta.Datum(value, form), trigger_metadata={})
        except Exception:
            continue
        if decoded is not None:
            return decoded
    logging.getLogger(__name__).warning(
        "the input cannot be made to what a %s brings; the function gets the text as it is", kind
    )
    return text


def _is_object(text: str | None) -> bool:
    try:
        return isinstance(json.loads(text or ""), dict)
    except ValueError:
        return False
