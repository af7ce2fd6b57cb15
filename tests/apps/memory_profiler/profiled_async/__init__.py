"""As in the guide to memory profiling: each file names its log stream and sets the format of the first handler."""

import asyncio
import logging

import memory_profiler

root = logging.getLogger()
root.handlers[0].setFormatter(logging.Formatter("%(name)s: %(message)s"))
stream = memory_profiler.LogFile("memory_profiler_logs", True)


async def main(req):
    await fill(20_000_000)
    return "filled"


@memory_profiler.profile(stream=stream)
async def fill(size):
    page = b"x" * size
    await asyncio.sleep(0)
    return page
