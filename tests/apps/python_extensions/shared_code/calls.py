"""The bodies of the functions, and the extensions that apply to all of them."""

import asyncio
import pathlib

from shared_code.app_level import First
from shared_code.recording import note

First.configure(key="value")

#: Functions wait for this file.
GATE = pathlib.Path("gate")


def returns(context):
    note(context, seen=[context.app_ext_attributes, context.own])
    return "returned"


def raises(context):
    note(context)
    raise ValueError("raised on purpose")


async def waits(context):
    note(context)
    try:
        while not GATE.exists():
            await asyncio.sleep(0.002)
        return "waited"
    finally:
        note(context, "finally")
