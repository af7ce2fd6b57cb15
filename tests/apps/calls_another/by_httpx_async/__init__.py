"""Calls another service within a span."""

import os

import httpx


async def main(req, context):
    with context.tracer.span("parent"):
        async with httpx.AsyncClient() as client:
            return (await client.get(os.environ["SECOND_APP"])).text
