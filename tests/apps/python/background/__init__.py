import asyncio

tasks = set()


async def work(what):
    await asyncio.sleep(0)
    raise {"exit": SystemExit(3), "interrupt": KeyboardInterrupt(), "value": ValueError("in the background")}[what]


async def main(req):
    tasks.add(asyncio.get_running_loop().create_task(work(req.params["what"])))
    await asyncio.sleep(0.01)
    tasks.clear()
    return "started"
