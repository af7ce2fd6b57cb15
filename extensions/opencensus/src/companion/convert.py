"""Values of function code as the extension takes them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Union

from funcdock import errors

logger = logging.getLogger("funcdock.opencensus")

#: How deep lists may be nested: deeper ones most likely contain themselves.
MAX_DEPTH = 16

#: The values of attributes in OpenTelemetry.
Attribute = Union[str, bool, int, float, "list[str]", "list[bool]", "list[int]", "list[float]"]


def plain_text(value: Any) -> str:
    """Text without lone surrogates, which names of files may have and UTF-8 cannot encode."""
    text = value if type(value) is str else errors.text(value)
    return text if text.isascii() else text.encode(errors="replace").decode()


def plain_value(value: Any, depth: int = 0) -> Attribute:
    """Converts a value for the extension; raises TypeError or OverflowError."""
    if depth > MAX_DEPTH:
        raise TypeError(f"a list nested more than {MAX_DEPTH} deep")
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise OverflowError("an int beyond 64 bits")
        return value
    if isinstance(value, (list, tuple)):
        values: list[Any] = [plain_value(item, depth + 1) for item in value]
        return values
    raise TypeError(f"a value of type {type(value).__name__}")


def plain_attributes(attributes: Mapping[str, Attribute] | None) -> dict[str, Attribute]:
    """Converts attributes for the extension; warns of those that it cannot take."""
    plain: dict[str, Attribute] = {}
    for key, value in (attributes or {}).items():
        try:
            plain[plain_text(key)] = plain_value(value)
        # Lists of other classes run their own code, which may raise anything.
        except Exception as error:
            logger.warning("attribute %s is ignored: %s", errors.text(key, repr), errors.text(error))
    return plain


def status_of(status: Any) -> tuple[str, str | None]:
    if isinstance(status, str):
        return status.lower(), None
    if isinstance(status, int) and not isinstance(status, bool):
        return "error" if status else "ok", None
    if hasattr(status, "canonical_code"):
        return status_of(status.canonical_code)[0], status.description
    if hasattr(status, "status_code"):
        return status.status_code.name.lower(), status.description
    if hasattr(status, "name"):
        return status.name.lower(), None
    raise TypeError(f"a status is a str, an int or a Status, not {type(status).__name__}")
