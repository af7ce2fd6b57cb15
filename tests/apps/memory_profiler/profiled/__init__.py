"""As in the guide to memory profiling: each file names its log stream and sets the format of the first handler."""

import logging

import memory_profiler

root = logging.getLogger()
root.handlers[0].setFormatter(logging.Formatter("%(name)s: %(message)s"))
stream = memory_profiler.LogFile("memory_profiler_logs", True)


def main(req):
    fill(20_000_000)
    return "filled"


@memory_profiler.profile(stream=stream)
def fill(size):
    page = b"x" * size
    page = page + page
    return page
