"""Parameters that take a client of Azure's own library: the packages azurefunctions-extensions-bindings-*."""

from __future__ import annotations

import functools
import sys
import types
import typing
from collections.abc import Iterable
from typing import Any, Callable

#: The clients that are kept: each has connections of its own.
_CLIENTS = 256

#: The name under which the package for Service Bus has what makes the client that settles messages.
_SETTLEMENT = "serviceBusClient"


class Reference(typing.NamedTuple):
    """What says where data are, as the Functions host sends it."""

    version: str
    source: str
    content_type: str
    content: bytes


def to_storage(content: str) -> Reference:
    """Returns the reference to a container or a blob, from its JSON."""
    return Reference("1.0", "AzureStorageBlobs", "application/json", content.encode())


def is_one(hint: Any) -> bool:
    """Whether this annotation is such a type. The app has imported the package then."""
    base = _base()
    return base is not None and isinstance(hint, type) and issubclass(hint, base.SdkType)


def is_list(hint: Any) -> bool:
    """Whether this annotation is a list of such a type."""
    origin, held = typing.get_origin(hint), typing.get_args(hint)
    return isinstance(origin, type) and issubclass(origin, Iterable) and len(held) == 1 and is_one(held[0])


def problem(kind: str, hint: Any) -> str | None:
    """Returns why a parameter with such an annotation cannot be bound to this type of binding, lower case, as
    the end of a sentence; None if it can."""
    if _converter(kind) is not None:
        return None
    return f"is bound to a {kind}, for which no package that the app has imported makes {hint}"


def maker(kind: str, hint: Any) -> Callable[[str, Any], Any] | None:
    """Returns what makes a value of this type for a binding of this type, lower case; None if the package has
    nothing for such bindings. It takes "model_binding_data" and a reference, or
    "collection_model_binding_data" and a list of them."""
    converter = _converter(kind)
    if converter is None:
        return None

    def make(form: str, value: Any) -> Any:
        if form.startswith("collection"):
            data = types.SimpleNamespace(model_binding_data=[_data(reference) for reference in value])
        else:
            data = _data(value)
        datum = _base().Datum(value=data, type=form)
        return converter.decode(datum, trigger_metadata=None, pytype=hint)

    kept = functools.lru_cache(_CLIENTS)(make)

    def make_or_keep(form: str, value: Any) -> Any:
        # A download, and the content of messages (which is not JSON), are of one call; clients stay.
        is_client = form == "model_binding_data" and Reference(*value).content_type == "application/json"
        return kept(form, value) if is_client and "Downloader" not in hint.__name__ else make(form, value)

    return make_or_keep


def _data(reference: tuple[str, str, str, bytes]) -> Any:
    """Returns a reference with the names of the protocol's message."""
    return types.SimpleNamespace(**Reference(*reference)._asdict())


def settlement_client(hint: Any) -> Callable[[], Any] | None:
    """Returns what makes the client that settles messages, if this annotation is of one."""
    client = getattr(_base(), "GrpcClientType", None)
    if client is None or not isinstance(hint, type) or not issubclass(hint, client):
        return None
    converter = _converter(_SETTLEMENT.lower())
    return None if converter is None else converter.get_client


def _base() -> Any:
    return sys.modules.get("azurefunctions.extensions.base")


def _converter(kind: str) -> Any:
    converters = _base().meta._ConverterMeta._bindings
    return next((found for known, found in converters.items() if str(known).lower() == kind), None)
