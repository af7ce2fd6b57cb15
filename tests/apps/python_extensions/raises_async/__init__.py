import asyncio

from shared_code import calls
from shared_code.function_level import Own

own = Own(__file__)


async def main(req, context):
    await asyncio.sleep(0)
    return calls.raises(context)
