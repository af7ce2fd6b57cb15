"""Tells what a thread does that makes no progress."""

from __future__ import annotations

import faulthandler
import signal
import sys
import traceback
import types

from . import asgi, errors, tasks

#: The signals at which the interpreter may write the stacks of all threads, without the GIL. Valgrind keeps
#: some of the last ones for itself.
SIGNALS = range(signal.SIGRTMAX, signal.SIGRTMIN, -1)


def prepare(file: int) -> int:
    """Has the interpreter write stacks to this descriptor at a signal; returns the signal's number."""
    for number in SIGNALS:
        try:
            faulthandler.register(number, file=file, all_threads=True)
        except OSError:
            continue
        return number
    raise OSError("no real-time signal is free for the stacks of threads")


def describe(thread: int) -> tuple[str | None, str]:
    """Returns the function whose call the thread runs, if it is asynchronous, and the thread's stack."""
    frame = sys._current_frames().get(thread)
    if frame is None:
        return None, ""
    function = None
    stack = []
    for inner, line in traceback.walk_stack(frame):
        stack.append((inner, line))
        function = function or _function_of(inner)
    stack.reverse()
    while stack and errors.is_ours(stack[0][0].f_code):
        stack.pop(0)
    # Below the app's code are the host's and the event loop's.
    ours = [at for at, (inner, _) in enumerate(stack) if errors.is_ours(inner.f_code)]
    stack = stack[ours[-1] + 1 :] if ours and ours[-1] + 1 < len(stack) else stack
    return function, "".join(traceback.StackSummary.extract(iter(stack)).format()).rstrip()


def _function_of(frame: types.FrameType) -> str | None:
    """Returns the name of the function whose call this frame drives."""
    if frame.f_code is tasks._run.__code__:
        return str(frame.f_locals["call"].for_logs.function)
    if frame.f_code is asgi._run.__code__:
        return str(frame.f_locals["raw"].for_logs.function)
    return None
