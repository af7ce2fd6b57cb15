"""Logs in tasks, each in a span of its own, and in threads that they wait for."""

import asyncio
import logging


async def main(req, context):
    logging.info("in a coroutine")

    async def work(name):
        with context.tracer.span(name):
            await asyncio.sleep(0.01)
            logging.info("in the task %s", name)
            await asyncio.to_thread(logging.info, "in a thread of %s", name)

    await asyncio.gather(work("left"), work("right"))
    return context.invocation_id
