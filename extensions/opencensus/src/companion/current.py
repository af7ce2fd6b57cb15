"""Which span is current.

A context variable keeps it: each task, and each thread with a copied context, starts with the span of the
code that made it.
"""

from __future__ import annotations

import contextvars
from typing import Any

from .context import SpanContext

_current: contextvars.ContextVar[Any] = contextvars.ContextVar("span", default=None)


class CurrentSpan:
    """Keeps the current span: in a context variable, unless another library's store replaces this one."""

    def get(self) -> Any:
        """The current span, which may be one of another library; or None."""
        return _current.get()

    def set(self, span: Any) -> None:
        _current.set(span)

    def foreign(self, _span: Any) -> SpanContext | None:
        """The context of another library's span; None if it is not valid."""
        return None


#: Replaced by the stores of other libraries, where they are installed.
store = CurrentSpan()
