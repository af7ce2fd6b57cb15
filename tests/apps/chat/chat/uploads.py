"""Recordings, which are counted while they arrive."""

from __future__ import annotations

import hashlib

import azure.functions as func
from azurefunctions.extensions.http.fastapi import JSONResponse, Request

uploads = func.Blueprint()

#: The bytes of each upload so far.
ARRIVED: dict[str, int] = {}


@uploads.route(route="uploads/{name}", methods=[func.HttpMethod.PUT])
async def upload(req: Request) -> JSONResponse:
    name = req.path_params["name"]
    digest = hashlib.sha256()
    ARRIVED[name] = 0
    async for chunk in req.stream():
        digest.update(chunk)
        ARRIVED[name] += len(chunk)
    return JSONResponse({"size": ARRIVED[name], "sha256": digest.hexdigest()}, status_code=201)


@uploads.route(route="uploads/{name}", methods=[func.HttpMethod.GET])
async def progress(req: Request) -> int:
    return ARRIVED.get(req.path_params["name"], -1)
