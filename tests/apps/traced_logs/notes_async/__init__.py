"""Logs in tasks, each in its own span, and in threads that the tasks wait for."""

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
