"""A random row for asynchronous apps, over psycopg, with a pool in each worker."""

from __future__ import annotations

import asyncio

from psycopg_pool import AsyncConnectionPool
from table import DATABASE, PREPARED, QUERY, as_dict, random_key

_pool: asyncio.Future[AsyncConnectionPool] | None = None


async def make_pool() -> AsyncConnectionPool:
    options = {"autocommit": True, "prepare_threshold": 5 if PREPARED else None}
    # As many connections as asyncpg has by default.
    pool = AsyncConnectionPool(DATABASE, kwargs=options, min_size=10, open=False)
    await pool.open()
    return pool


async def random_row() -> dict[str, str]:
    global _pool
    if _pool is None:
        _pool = asyncio.ensure_future(make_pool())
    pool = await _pool
    async with pool.connection() as connection:
        cursor = await connection.execute(f"{QUERY} %s", (random_key(),))
        return as_dict(*await cursor.fetchone())
