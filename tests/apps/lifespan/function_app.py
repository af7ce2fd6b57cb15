"""A FastAPI app that needs its database when it starts: the file "database"."""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import azure.functions as func
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

database = Path(__file__).with_name("database")
logger = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    if not database.exists():
        raise RuntimeError("db is down")
    yield
    logger.info("the connections are closed")


api = FastAPI(lifespan=lifespan)


@api.get("{path:path}")
def pid(path: str) -> PlainTextResponse:
    return PlainTextResponse(str(os.getpid()))


app = func.AsgiFunctionApp(app=api, http_auth_level=func.AuthLevel.ANONYMOUS)
