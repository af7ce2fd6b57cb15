"""Counts Python's allocated blocks of memory around the calls that memory-profile measures."""

from __future__ import annotations

import sys
from typing import Any

#: The attribute of ``context`` that the extension sets for calls that it measures.
BLOCKS = "memory_profile_blocks"


class Companion:
    """Hooks around each call: they write the numbers into the extension's own object."""

    def pre_invocation(self, _logger: Any, context: Any, _arguments: Any) -> None:
        blocks = getattr(context, BLOCKS, None)
        if blocks is not None:
            blocks.before = sys.getallocatedblocks()

    def post_invocation(self, _logger: Any, context: Any, _arguments: Any, _returned: Any) -> None:
        blocks = getattr(context, BLOCKS, None)
        if blocks is not None:
            blocks.after = sys.getallocatedblocks()


def dock(_native: None) -> Companion:
    return Companion()
