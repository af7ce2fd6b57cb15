import asyncio
import logging


async def child():
    await asyncio.sleep(0)
    logging.info("of a task")


async def main(req, context):
    logging.info("of the coroutine")
    await asyncio.gather(child())
    await asyncio.to_thread(logging.info, "of to_thread")
    return context.invocation_id
