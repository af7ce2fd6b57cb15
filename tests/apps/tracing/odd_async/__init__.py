"""Tasks that are cancelled within spans, and asynchronous generators that are not exhausted."""

import asyncio
import contextlib


async def main(req, context):
    tracer, own = context.tracer, context.tracer.current_span()

    async def waits():
        with tracer.span("cancelled"):
            await asyncio.sleep(3600)

    async def numbers():
        for number in range(3):
            with tracer.span(f"number {number}"):
                await asyncio.sleep(0)
                yield number

    with tracer.span("around") as around:
        task = asyncio.ensure_future(waits())
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert tracer.current_span() is around
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(waits(), 0.01)
        assert tracer.current_span() is around
        found = numbers()
        async for number in found:
            if number == 1:
                break
        await found.aclose()
        assert tracer.current_span() is around
    assert tracer.current_span() is own
    return "done"
