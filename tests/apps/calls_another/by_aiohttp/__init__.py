"""Calls another service within a span."""

import os

import aiohttp


async def main(req, context):
    with context.tracer.span("parent"):
        async with aiohttp.ClientSession() as session, session.get(os.environ["SECOND_APP"]) as response:
            return await response.text()
