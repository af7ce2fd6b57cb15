"""Orders that a supplier confirms, as a FastAPI app."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from .routers import orders, session, support
from .store import SoldOutError, Store

logger = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    store = Store()
    logger.info("the store opens")
    yield {"store": store}
    logger.info("the store closes with %d orders", len(store.orders))


api = FastAPI(title="Orders", lifespan=lifespan)
api.include_router(session.router)
api.include_router(orders.router)
api.include_router(support.router)


@api.exception_handler(SoldOutError)
async def sold_out(_: Request, error: SoldOutError) -> JSONResponse:
    return JSONResponse({"detail": f"{error.item} is sold out"}, status_code=409)


@api.get("/")
def index() -> dict[str, str]:
    return {"name": api.title}


@api.get("/whoami/{name}")
async def whoami(name: str, request: Request) -> dict[str, Any]:
    return {
        "name": name,
        "url": str(request.url),
        "root_path": request.scope["root_path"],
        "path": request.scope["path"],
        "function": request.scope["azure_functions.function_name"],
        "invocation": request.scope["azure_functions.invocation_id"],
    }


@api.get("/broken")
async def broken() -> None:
    raise RuntimeError("this endpoint is broken")
