"""Data between Microsoft's Functions host and functions: by the converters of azure.functions.

That host has read what a trigger and inputs bring, and writes what functions put out, in the forms of its own
protocol. A type of binding without a converter is generic: text, bytes and JSON as they are."""

from __future__ import annotations

import json
import sys
import types
import typing
from collections.abc import Sequence
from typing import Any, Callable

from . import sdk_types
from .bindings import Decoder, Metadata, converter_of
from .signatures import INPUT, OUT, TRIGGER, Binding

#: Takes what a function gave; returns its form in the protocol ("string", "json", "bytes", "int", "double")
#: and its value in that form; None for nothing.
Encoder = Callable[[Any], "tuple[str, Any] | None"]

#: What a generic binding brings and takes, for messages.
_GENERIC = "str, bytes, int, float or list"

#: Converters of these types take any iterable, and would make of a dictionary the list of its keys.
_TAKE_ITERABLES = ("queue", "eventgrid")


def kind(direction: str, binding_type: str) -> str | None:
    """Returns the argument for the parameter of a binding; None for a direction that no worker serves."""
    if binding_type.endswith("trigger"):
        return TRIGGER
    return {"in": INPUT, "out": OUT}.get(direction)


def annotation_problem(argument: str, binding_type: str, hint: Any) -> str | None:
    """Returns why this annotation cannot be right for a parameter of this type of binding, lower case, as the
    end of a sentence; None if it can."""
    # Requests and responses are checked already.
    if binding_type in ("httptrigger", "http"):
        return None
    out = getattr(sys.modules.get("azure.functions"), "Out", None)
    if argument != OUT and out is not None and out in (hint, typing.get_origin(hint)):
        return f'has the direction "in" ({binding_type}), and cannot be annotated as func.Out'
    if sdk_types.is_one(hint) or sdk_types.is_list(hint):
        return sdk_types.problem(binding_type, hint)
    held = _held(hint) if argument == OUT else hint
    is_class = isinstance(held, type) and typing.get_origin(held) is None
    if not is_class or held in (object, str, bytes, Any):
        return None
    converter = converter_of(binding_type)
    if converter is None:
        fits = issubclass(held, (str, bytes, bytearray, int, float, list, dict))
        expected = f": a generic binding takes {_GENERIC}" if not fits else ""
    else:
        name = "check_output_type_annotation" if argument == OUT else "check_input_type_annotation"
        try:
            fits = getattr(converter, name)(held)
        # The converters raise what they like for types that they do not know.
        except Exception:
            return None
        expected = ""
    if fits:
        return None
    return f"is bound to a {binding_type}, which does not fit {held.__qualname__}{expected}"


def _held(hint: Any) -> Any:
    """Returns what an Out of this annotation holds."""
    held = typing.get_args(hint)
    return held[0] if held else None


def _is_generic(binding_type: str, hint: Any) -> bool:
    """Whether a parameter with this annotation gets and gives its data as they are."""
    return hint in (str, bytes) and not _implies_return(binding_type)


def _implies_return(binding_type: str) -> bool:
    """Whether a function with a binding of this type, lower case, needs no other one for what it returns."""
    converter = converter_of(binding_type)
    if converter is None:
        return binding_type != "durableclient"
    implied = getattr(converter, "has_implicit_output", None)
    return implied is not None and bool(implied())


def decoder(function: str, binding: str, binding_type: str, hint: Any) -> Decoder | None:
    """Returns what makes the data of this binding, whose type is in lower case, what a parameter with this
    annotation takes. None for plain data."""
    where = f"the binding {binding!r} ({binding_type}) of function {function!r}"
    if sdk_types.is_one(hint) or sdk_types.is_list(hint):
        return _of_reference(where, sdk_types.maker(binding_type, hint))
    converter = converter_of(binding_type)
    if converter is None or _is_generic(binding_type, hint) or not hasattr(converter, "decode"):
        return None
    takes_metadata = bool(converter.has_trigger_support())

    def decode(form: str | None, value: Any, metadata: Metadata) -> Any:
        named = {name: _datum(*data) for name, data in metadata.items()} if takes_metadata else {}
        try:
            return converter.decode(_datum(form, value), trigger_metadata=named)
        except NotImplementedError as error:
            message = f"{where} does not take data of the form {form or 'nothing'}"
            raise TypeError(_with(message, error)) from None
        except Exception as error:
            if form is None:
                raise TypeError(f"{where} brought no data, but the function needs some") from None
            raise ValueError(
                f"the data of {where}, of the form {form}, cannot be read: {type(error).__name__}: {error}"
            ) from error

    return decode


def data_type(hint: Any) -> str | None:
    """Returns "reference" for a parameter that takes a client of Azure's library, and no data."""
    return "reference" if sdk_types.is_one(hint) or sdk_types.is_list(hint) else None


def _datum(form: str | None, value: Any) -> Any:
    """Returns data as the converters take them; None for nothing."""
    if form is None:
        return None
    collection = form.split("collection_", 1)
    if len(collection) == 2:
        # Those of the protocol have their items in a member.
        value = types.SimpleNamespace(**{collection[1]: value})
    return sys.modules["azure.functions"].meta.Datum(value, form)


def _of_reference(where: str, make: Callable[[str, Any], Any] | None) -> Decoder:
    """Returns what makes a client of Azure's library from the reference that the host sends."""

    def decode(form: str | None, value: Any, metadata: Metadata) -> Any:
        if form is None:
            return None
        if make is None or form not in ("model_binding_data", "collection_model_binding_data"):
            raise TypeError(
                f"{where} brought data of the form {form}, and its parameter takes a client: the host "
                'must send a reference, which it does for bindings with "supportsDeferredBinding"'
            )
        return make(form, value)

    return decode


def settlement_decoder(hint: Any) -> Decoder | None:
    """Returns what makes the client that settles messages, if this annotation asks for it."""
    make = sdk_types.settlement_client(hint)
    return None if make is None else lambda form, value, metadata: make()


def encoders(name: str, bindings: Sequence[Binding], hints: dict[str, Any]) -> dict[str, Encoder]:
    """Returns the encoders of the output bindings and of the return value, "$return", except those that make
    HTTP responses."""
    found: dict[str, Encoder] = {}
    is_http, implied = False, None
    for binding, direction, binding_type in bindings:
        is_http = is_http or binding_type == "httptrigger"
        if binding == "$return":
            if binding_type != "http":
                found[binding] = _encoder(name, binding, binding_type, hints.get("return"))
            continue
        if _implies_return(binding_type):
            implied = binding_type
        if direction == "out" and binding_type != "http":
            found[binding] = _encoder(name, binding, binding_type, _held(hints.get(binding)))
    if "$return" not in found and not is_http and not any(binding == "$return" for binding, _, _ in bindings):
        returned = hints.get("return")
        found["$return"] = _unbound(name) if implied is None else _encoder(name, "$return", implied, returned)
    return found


def _unbound(function: str) -> Encoder:
    def encode(value: Any) -> tuple[str, Any] | None:
        if value is None:
            return None
        raise TypeError(
            f"function {function!r} returned {type(value).__qualname__}, which no binding takes: declare one "
            'named "$return", or return None'
        )

    return encode


def _encoder(function: str, binding: str, binding_type: str, hint: Any) -> Encoder:
    converter = converter_of(binding_type)
    if converter is None or not hasattr(converter, "encode"):
        converter = None
    is_plain = converter is None or (binding != "$return" and _is_generic(binding_type, hint))
    takes_none = converter is not None and binding == "$return" and _implies_return(binding_type)

    def converted(value: Any) -> tuple[str, Any] | None:
        if is_plain:
            plain = _plain(value)
            if plain is not None or converter is None:
                return plain
        if isinstance(value, dict) and binding_type in _TAKE_ITERABLES:
            return "json", json.dumps(value)
        try:
            datum = typing.cast(Any, converter).encode(value, expected_type=hint)
        except NotImplementedError:
            # The host takes text and bytes for all types.
            if isinstance(value, (str, bytes)):
                return _plain(value)
            raise
        return None if datum is None else _of_datum(datum.type, datum.value)

    def refusal(value: Any) -> str:
        return (
            f"function {function!r} gave {type(value).__qualname__} to the binding {binding!r} "
            f"({binding_type}), which does not take it"
        )

    def encode(value: Any) -> tuple[str, Any] | None:
        if value is None and not takes_none:
            return None
        try:
            data = converted(value)
        except NotImplementedError as error:
            raise TypeError(_with(refusal(value), error)) from None
        except Exception as error:
            raise ValueError(f"{refusal(value)}: {type(error).__name__}: {error}") from error
        if data is None and value is not None:
            raise TypeError(refusal(value))
        if data is not None and data[0] == "json" and not isinstance(data[1], str):
            # An orchestrator and an entity return the text that the durable library has made.
            if data[1] is None:
                return None
            raise TypeError(f"{refusal(value)}: it takes JSON as text")
        return data

    return encode


def _plain(value: Any) -> tuple[str, Any] | None:
    """Returns the form and the value of plain data; None for other objects."""
    if isinstance(value, str):
        return "string", value
    if isinstance(value, (bytes, bytearray)):
        return "bytes", bytes(value)
    if isinstance(value, (dict, list, tuple)):
        return "json", json.dumps(value)
    # Also bool, which the protocol does not have: 0 or 1.
    if isinstance(value, int):
        return ("int", int(value)) if -(1 << 63) <= value < 1 << 63 else ("json", str(value))
    if isinstance(value, float):
        return "double", value
    return None


def _of_datum(form: str | None, value: Any) -> tuple[str, Any] | None:
    """Returns what a converter has made, in a form of the protocol."""
    if form is None:
        return None
    if form in ("dict", "list"):
        return "json", json.dumps(value)
    if form == "bool":
        return "int", int(value)
    return form, value


def _with(message: str, error: Exception) -> str:
    """Returns the message, with what the library says if it does."""
    return f"{message}: {error}" if str(error) else message
