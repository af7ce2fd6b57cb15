from row_asyncpg import random_row
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def test(_: Request) -> JSONResponse:
    return JSONResponse(await random_row())


app = Starlette(routes=[Route("/test", test)])
