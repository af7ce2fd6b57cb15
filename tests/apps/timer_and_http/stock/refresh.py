"""What the timer does, and an HTTP function, too."""

from __future__ import annotations

import os

from .levels import LEVELS

checks = 0


def check() -> list[str]:
    """Returns the items that run low."""
    global checks
    checks += 1
    return sorted(item for item, level in LEVELS.all().items() if level < int(os.environ["LOW_STOCK"]))
