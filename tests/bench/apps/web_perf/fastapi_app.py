from __future__ import annotations

from fastapi import FastAPI
from row_asyncpg import random_row

app = FastAPI()


@app.get("/test")
async def test() -> dict[str, str]:
    return await random_row()
