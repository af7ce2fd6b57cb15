import asyncio


async def main(req):
    return type(asyncio.get_running_loop()).__module__
