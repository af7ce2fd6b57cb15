"""An extension applies to every function, wherever it was imported."""

import asyncio


async def main(req, context):
    with context.tracer.span("waits"):
        await asyncio.sleep(0)
    return "done"
