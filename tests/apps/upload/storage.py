"""Files in a folder of the app."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple


class Stored(NamedTuple):
    name: str
    path: Path
    mimetype: str
    digest: str


class Storage:
    def __init__(self, folder: str) -> None:
        # The working directory is the app's root.
        self._folder = Path(folder)
        self._folder.mkdir(exist_ok=True)
        self._stored: dict[str, Stored] = {}

    def save(self, filename: str | None, mimetype: str, content: bytes) -> dict[str, Any]:
        # A client may send a path: only its last part is a name.
        name = PurePosixPath((filename or "").replace("\\", "/")).name or "unnamed"
        digest = hashlib.sha256(content).hexdigest()
        path = self._folder / digest
        path.write_bytes(content)
        self._stored[name] = Stored(name, path, mimetype, digest)
        return {"name": name, "type": mimetype, "size": len(content), "sha256": digest}

    def names(self) -> list[str]:
        return sorted(self._stored)

    def find(self, name: str) -> Stored | None:
        return self._stored.get(name)

    def delete(self, name: str) -> bool:
        stored = self._stored.pop(name, None)
        if stored is not None:
            stored.path.unlink(missing_ok=True)
        return stored is not None
