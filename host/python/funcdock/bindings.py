"""Makes the data of triggers and inputs what functions take: with the converters of azure.functions."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, Callable

from . import blobs, sdk_types
from .signatures import OUT

#: What a trigger knows besides its data: the form and the value of each, by name.
Metadata = dict[str, tuple[str, Any]]

#: Takes the form of the data ("string", "json", "bytes", …), its value, and the metadata.
Decoder = Callable[[str, Any, Metadata], Any]

#: The types of binding whose data are blobs.
_BLOBS = ("blob", "blobtrigger")

#: The annotations that fit a parameter of these types of binding, for messages.
_ANNOTATIONS = {
    "timertrigger": "func.TimerRequest",
    "queuetrigger": "func.QueueMessage",
    "blobtrigger": "func.InputStream, str or bytes",
    "blob": "func.InputStream, str or bytes",
}


def decoder(kind: str, hint: Any) -> Decoder | None:
    """Returns what makes the data of a binding of this type, lower case, what a parameter with this
    annotation takes.

    None if the library has nothing for it: then the function gets plain data."""
    if kind in _BLOBS and hint in (str, bytes):
        return _text if hint is str else _bytes
    if sdk_types.is_one(hint):
        return _client(sdk_types.maker(kind, hint))
    converter = converter_of(kind)
    if converter is None or not hasattr(converter, "decode"):
        return None

    def decode(form: str, value: Any, metadata: Metadata) -> Any:
        return _decoded(converter, kind, form, value, metadata)

    return decode


def _client(make: Callable[[str, Any], Any] | None) -> Decoder | None:
    """Returns what makes a client of Azure's library from the text that says where its data are."""
    if make is None:
        return None

    def decode(form: str, value: Any, metadata: Metadata) -> Any:
        return None if value is None else make("model_binding_data", sdk_types.to_storage(value))

    return decode


def data_type(kind: str, hint: Any) -> str | None:
    """Returns the form in which a parameter with this annotation takes a binding of this type, if any."""
    if kind not in _BLOBS:
        return None
    return "reference" if sdk_types.is_one(hint) else {str: "string", bytes: "binary"}.get(hint)


def _text(form: str, value: Any, metadata: Metadata) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _bytes(form: str, value: Any, metadata: Metadata) -> Any:
    return value.encode() if isinstance(value, str) else value


def annotation_problem(argument: str, kind: str, hint: Any) -> str | None:
    """Returns why this annotation cannot be right for a parameter of this type of binding, lower case, as the
    end of a sentence; None if it can."""
    if argument == OUT:
        return None
    expected, converter = _ANNOTATIONS.get(kind), converter_of(kind)
    is_checked = isinstance(hint, type) and hint is not object and not sdk_types.is_one(hint)
    if expected is None or converter is None or not is_checked:
        return None
    try:
        fits = converter.check_input_type_annotation(hint)
    except TypeError:
        return None
    if fits:
        return None
    return f"is bound to a {kind}: annotate it as {expected}, not {hint.__qualname__}"


def converter_of(kind: str) -> Any:
    """Returns the library's converter for this type of binding, lower case; None if it has none.

    The app need not have the library."""
    library = sys.modules.get("azure.functions")
    if library is None:
        return None
    # It cannot look up a name whatever its case, and some of its keys are not names.
    converters = library.meta.get_binding_registry()._bindings
    return next((found for known, found in converters.items() if str(known).lower() == kind), None)


def _decoded(converter: Any, kind: str, form: str, value: Any, metadata: Metadata) -> Any:
    if form == "blob":
        return blobs.input_stream(value)
    if value is None and kind in _BLOBS:
        # The blob does not exist.
        return None
    datum = sys.modules["azure.functions"].meta.Datum
    named = {name: datum(found, its_form) for name, (its_form, found) in metadata.items()}
    # An operator runs a function with text. A timer has no data of its own: what is said of it may be in an
    # object.
    text = value if isinstance(value, str) else None
    if kind == "timertrigger" and not _is_object(text):
        form, value, text = "json", "{}", None
    forms = [(value, form)]
    if text is not None:
        forms += [(text, "string"), (text, "json"), (text.encode(), "bytes")]
    elif value is None:
        forms += [("", "string"), (b"", "bytes")]
    for data, its_form in forms:
        # The converters raise what they like for data that they do not take.
        try:
            decoded = converter.decode(datum(data, its_form), trigger_metadata=named)
        except Exception:
            continue
        if decoded is not None:
            return decoded
    logging.getLogger(__name__).warning(
        "the data cannot be made to what a %s brings; the function gets it as it is", kind
    )
    return value


def _is_object(text: str | None) -> bool:
    try:
        return isinstance(json.loads(text or ""), dict)
    except ValueError:
        return False
