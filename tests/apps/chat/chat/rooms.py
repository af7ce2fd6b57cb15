from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


class Room:
    """People who read the same messages."""

    def __init__(self) -> None:
        self._members: set[asyncio.Queue[Any]] = set()

    @property
    def size(self) -> int:
        return len(self._members)

    @contextmanager
    def member(self) -> Iterator[asyncio.Queue[Any]]:
        messages: asyncio.Queue[Any] = asyncio.Queue()
        self._members.add(messages)
        try:
            yield messages
        finally:
            # Runs, too, when the client goes away.
            self._members.remove(messages)

    def send(self, message: Any) -> int:
        """Sends a message to all members, and returns their number; None closes the room."""
        for messages in self._members:
            messages.put_nowait(message)
        return self.size


@cache
def room(name: str) -> Room:
    return Room()
