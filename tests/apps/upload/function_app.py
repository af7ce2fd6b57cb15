"""Uploads by a form, and downloads."""

from __future__ import annotations

import json
import logging
import os
from typing import Any
from urllib.parse import quote

import azure.functions as func
from storage import Storage

logger = logging.getLogger(__name__)

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
storage = Storage(os.environ["UPLOAD_FOLDER"])

ACCEPTED = {"image/png", "text/plain"}


def as_json(value: Any, status: int = 200) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(value), status_code=status, mimetype="application/json")


@app.route(route="files", methods=["POST"])
def upload(req: func.HttpRequest) -> func.HttpResponse:
    files = req.files.getlist("file")
    if not files:
        return as_json({"error": "the form has no field 'file'"}, 400)
    most = int(os.environ["MAX_FILE_SIZE"])
    contents = [(file, file.read()) for file in files]
    for file, content in contents:
        if file.mimetype not in ACCEPTED:
            return as_json({"error": f"{file.filename} is of type {file.mimetype}"}, 415)
        if len(content) > most:
            return as_json({"error": f"{file.filename} is larger than {most} bytes"}, 413)
    owner = req.form.get("owner", "nobody")
    saved = [storage.save(file.filename, file.mimetype, content) for file, content in contents]
    logger.info("%d files of %s", len(saved), owner)
    return as_json({"owner": owner, "tags": req.form.getlist("tag"), "files": saved}, 201)


@app.route(route="files", methods=["GET"])
async def list_files(req: func.HttpRequest) -> func.HttpResponse:
    return as_json(storage.names())


@app.route(route="files/{name}", methods=["GET"])
def download(req: func.HttpRequest) -> func.HttpResponse:
    found = storage.find(req.route_params["name"])
    if found is None:
        return as_json({"error": f"no file {req.route_params['name']}"}, 404)
    etag = f'"{found.digest}"'
    if req.headers.get("If-None-Match") == etag:
        return func.HttpResponse(status_code=304, headers={"ETag": etag})
    disposition = f"attachment; filename*=UTF-8''{quote(found.name)}"
    return func.HttpResponse(
        found.path.read_bytes(),
        headers={"ETag": etag, "Content-Disposition": disposition},
        mimetype=found.mimetype,
    )


@app.route(route="files/{name}", methods=["DELETE"])
def delete(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=204 if storage.delete(req.route_params["name"]) else 404)
