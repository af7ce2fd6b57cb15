"""Files of bytes that arrive while they are read."""

from __future__ import annotations

import io
from typing import Any, Protocol


class ByteReader(Protocol):
    """The Rust side of the bytes."""

    def read(self, size: int) -> bytes: ...


class _Source(io.RawIOBase):
    def __init__(self, reader: ByteReader) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._reader.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def buffered(reader: ByteReader) -> io.BufferedReader:
    """Returns the file that reads these bytes."""
    return io.BufferedReader(_Source(reader), 64 << 10)
