"""Parameters that take a client of Azure's own library: the packages azurefunctions-extensions-bindings-*."""

from __future__ import annotations

import functools
import sys
import types
from typing import Any, Callable

#: The clients that are kept: each has connections of its own.
_CLIENTS = 256


def is_one(hint: Any) -> bool:
    """Whether this annotation is such a type. The app has imported the package then."""
    base = sys.modules.get("azurefunctions.extensions.base")
    return base is not None and isinstance(hint, type) and issubclass(hint, base.SdkType)


def maker(kind: str, hint: Any) -> Callable[[str], Any] | None:
    """Returns what makes a value of this type for a binding of this type, lower case, from the text that says
    where the data are; None if the package has nothing for such bindings."""
    base = sys.modules["azurefunctions.extensions.base"]
    converters = base.meta._ConverterMeta._bindings
    converter = next((found for known, found in converters.items() if str(known).lower() == kind), None)
    if converter is None:
        return None

    def make(content: str) -> Any:
        data = types.SimpleNamespace(
            version="1.0",
            source="AzureStorageBlobs",
            content_type="application/json",
            content=content.encode(),
        )
        datum = base.Datum(value=data, type="model_binding_data")
        return converter.decode(datum, trigger_metadata=None, pytype=hint)

    # A download is of one call; clients may be used again.
    return make if "Downloader" in hint.__name__ else functools.lru_cache(_CLIENTS)(make)
