import asyncio


async def main(data):
    if data == "sleep":
        await asyncio.sleep(60)
    # Nothing takes it: it is ignored, whatever it is.
    return object()
