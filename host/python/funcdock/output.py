"""What functions print: lines go out at once, and the rest when the call ends."""

from __future__ import annotations

import io
import sys
from typing import Any, Callable, cast

#: The streams that Python has made. They own the descriptors, which must not be closed.
_originals: list[Any] = []

#: Tells the host that there is text to flush at the end of the call.
_mark: Callable[[], None]


class Stream(io.TextIOWrapper):
    """A standard stream that tells the host of text without the end of a line: lines go out at once."""

    def write(self, text: str) -> int:
        written = super().write(text)
        if "\n" not in text:
            _mark()
        return written


def install(mark: Callable[[], None]) -> None:
    """Replaces the standard streams, unless they are unbuffered or the interpreter has none."""
    global _mark
    _mark = mark
    for name in ("stdout", "stderr"):
        original = getattr(sys, name)
        # `PYTHONUNBUFFERED` makes all writes go out at once.
        if type(original) is not io.TextIOWrapper or original.write_through:
            continue
        stream = Stream(
            cast("io.BufferedWriter", original.buffer),
            encoding=original.encoding,
            errors=original.errors,
            newline="\n",
            # Also for a reader of a pipe.
            line_buffering=True,
        )
        stream.__dict__["mode"] = "w"
        _originals.append(original)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def flush() -> None:
    """Writes what is left. Fails for nobody: who prints to a closed pipe has been told so."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        # The app may have replaced it by any object, or by None.
        except Exception:
            continue
