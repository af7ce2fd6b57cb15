"""Stands for a language model that is somewhere else."""

import asyncio
from collections.abc import AsyncIterator

MODELS = ["parrot-1", "parrot-2"]


async def answer(question: str) -> AsyncIterator[str]:
    for word in f"You said: {question}".split(" "):
        await asyncio.sleep(0)
        yield word
