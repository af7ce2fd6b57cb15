import asyncio


async def main(req):
    asyncio.current_task().cancel()
    await asyncio.sleep(60)
