"""A random row for asynchronous apps, over asyncpg, with a pool in each worker."""

from __future__ import annotations

import asyncio

import asyncpg
from table import DATABASE, PREPARED, QUERY, as_dict, random_key

_pool: asyncio.Future[asyncpg.Pool] | None = None


async def leave_as_it_is(_: asyncpg.Connection) -> None:
    """Takes the place of asyncpg's reset of the session, which is a second query for each request.

    No app here changes its session, the synchronous ones don't reset theirs either, and behind pgbouncer it
    would be another client's.
    """


async def make_pool() -> asyncpg.Pool:
    # Ten connections are asyncpg's default.
    return await asyncpg.create_pool(
        DATABASE, statement_cache_size=100 if PREPARED else 0, reset=leave_as_it_is
    )


async def random_row() -> dict[str, str]:
    global _pool
    if _pool is None:
        _pool = asyncio.ensure_future(make_pool())
    pool = await _pool
    return as_dict(*await pool.fetchrow(f"{QUERY} $1", random_key()))
