"""What functions print: lines go out at once, and the rest when the call ends.

The host keeps the last lines, as it keeps log records.
"""

from __future__ import annotations

import io
import sys
from typing import Any, Callable, cast

#: Returns the call of the asynchronous function that is running. Set by `funcdock.logs`.
call_of_task: Callable[[], Any] = lambda: None  # noqa: E731

#: The streams that Python has made. They own the descriptors, which must not be closed.
_originals: list[Any] = []

#: Tells the host of text that was printed: by which call, and whether to stderr.
_note: Callable[[str, Any, bool], None]


class Stream(io.TextIOWrapper):
    """A standard stream that tells the host of all text."""

    is_stderr = False

    def write(self, text: str) -> int:
        written = super().write(text)
        _note(text, call_of_task(), self.is_stderr)
        return written


def install(note: Callable[[str, Any, bool], None]) -> None:
    """Replaces the standard streams, unless the interpreter has none."""
    global _note
    _note = note
    for name in ("stdout", "stderr"):
        original = getattr(sys, name)
        if type(original) is not io.TextIOWrapper:
            continue
        stream = Stream(
            cast("io.BufferedWriter", original.buffer),
            encoding=original.encoding,
            errors=original.errors,
            newline="\n",
            # Also for a reader of a pipe.
            line_buffering=True,
            # `PYTHONUNBUFFERED` makes all writes go out at once.
            write_through=original.write_through,
        )
        stream.is_stderr = name == "stderr"
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
