from row_asyncpg import random_row
from sanic import HTTPResponse, Request, Sanic
from sanic.response import json

app = Sanic("web_perf")


@app.get("/test")
async def test(_: Request) -> HTTPResponse:
    return json(await random_row())
