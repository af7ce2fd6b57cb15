import asyncio
import os

import azure.functions as func

from shared_code import gate


async def main(req: func.HttpRequest) -> str:
    name = req.params["gate"]
    gate.enter(name)
    while not gate.is_open(name):
        await asyncio.sleep(0.005)
    gate.leave(name)
    return str(os.getpid())
