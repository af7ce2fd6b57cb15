import asyncio

from shared_code import own

background = set()


async def child():
    await asyncio.sleep(0)
    own.log.info("of a task")


async def later():
    await asyncio.sleep(0.2)
    own.log.info("after the call")


async def main(req, context):
    own.log.info("of the coroutine")
    await asyncio.gather(child())
    await asyncio.to_thread(own.log.info, "of to_thread")
    task = asyncio.create_task(later())
    background.add(task)
    task.add_done_callback(background.discard)
    return context.invocation_id
