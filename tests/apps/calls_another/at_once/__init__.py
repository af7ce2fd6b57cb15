"""Calls another service with two libraries, many times at once, each time in a new span."""

import asyncio
import json
import os

import aiohttp
import httpx

URL = os.environ["SECOND_APP"]


async def main(req, context):
    async with httpx.AsyncClient() as client, aiohttp.ClientSession() as session:

        async def by_httpx(name):
            with context.tracer.span(name):
                await asyncio.sleep(0)
                return (await client.get(URL, params={"of": name})).json()

        async def by_aiohttp(name):
            with context.tracer.span(name):
                async with session.get(URL, params={"of": name}) as response:
                    return await response.json(content_type=None)

        count = int(req.params["count"])
        with context.tracer.span("all"):
            answers = await asyncio.gather(
                *(by_httpx(f"httpx {number}") for number in range(count)),
                *(by_aiohttp(f"aiohttp {number}") for number in range(count)),
            )
    return json.dumps(answers)
