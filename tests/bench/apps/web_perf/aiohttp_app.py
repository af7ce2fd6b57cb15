from aiohttp import web
from row_asyncpg import random_row


async def test(_: web.Request) -> web.Response:
    return web.json_response(await random_row())


app = web.Application()
app.router.add_get("/test", test)
