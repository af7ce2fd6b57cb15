"""Blobs as functions take them: as a stream that is read when the function reads it."""

from __future__ import annotations

import json
import sys
from typing import Any, Protocol

from . import byte_streams


class RawBlob(Protocol):
    """The Rust side of a blob."""

    path: str
    uri: str
    length: int
    properties: str
    metadata: str

    def open(self) -> byte_streams.ByteReader: ...


def input_stream(raw: RawBlob) -> Any:
    """Returns the library's InputStream for a blob, or a plain file if the app does not have the library."""
    library = sys.modules.get("azure.functions")
    if library is None:
        return byte_streams.buffered(raw.open())
    global _stream_class
    if _stream_class is None:
        _stream_class = _make_class(library.blob.InputStream)
    return _stream_class(raw)


_stream_class: Any = None


def _make_class(base: Any) -> Any:
    class InputStream(base):
        """A blob, which is read when the function reads it: as a whole only if the function does so."""

        def __init__(self, raw: RawBlob) -> None:
            super().__init__(
                data=b"",
                name=raw.path,
                uri=raw.uri,
                length=raw.length,
                blob_properties=json.loads(raw.properties),
                metadata=json.loads(raw.metadata),
            )
            self._raw: RawBlob | None = raw
            self._file: Any = None

        @property
        def _io(self) -> Any:
            if self._raw is not None:
                self._file, self._raw = byte_streams.buffered(self._raw.open()), None
            if self._file is None:
                raise ValueError("the blob was given to an output: read its bytes to use them more than once")
            return self._file

        @_io.setter
        def _io(self, _: Any) -> None:
            # The library's constructor has bytes of its own.
            pass

        def unread(self) -> RawBlob | None:
            """Returns the blob if nothing of it was read yet, and gives it away: for an output."""
            raw, self._raw = self._raw, None
            return raw

        def read(self, size: int | None = -1) -> Any:
            # Room for `size` bytes is made before any is read.
            is_all = size is None or size < 0 or size > self.length
            return self._io.read(-1 if is_all else size)

        # What the library inherits reads byte by byte, to find the end of a line.
        def readline(self, size: int | None = -1) -> Any:
            return self._io.readline(-1 if size is None else size)

        def readinto(self, buffer: Any) -> Any:
            return self._io.readinto(buffer)

        def read1(self, size: int = -1) -> Any:
            return self._io.read1(size)

        def peek(self, size: int = 0) -> Any:
            return self._io.peek(size)

    InputStream.__qualname__ = "InputStream"
    return InputStream
