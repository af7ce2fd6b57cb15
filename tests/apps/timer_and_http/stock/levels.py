from __future__ import annotations

from threading import Lock


class Levels:
    """How many pieces of each item there are."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._levels = {"tea": 10, "coffee": 3}

    def all(self) -> dict[str, int]:
        with self._lock:
            return dict(self._levels)

    def change(self, item: str, change: int) -> int | None:
        """Returns the new level; None if there is not enough."""
        with self._lock:
            level = self._levels.get(item, 0) + change
            if level < 0:
                return None
            self._levels[item] = level
            return level


LEVELS = Levels()
