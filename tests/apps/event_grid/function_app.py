"""Functions for blobs that Event Grid tells of, beside one that takes all paths."""

import logging
import os
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
STORAGE = "AzureWebJobsStorage"


@app.blob_trigger(
    arg_name="blob", path="samples/{name}", connection=STORAGE, source=func.BlobSource.EVENT_GRID
)
def watch(blob: func.InputStream) -> None:
    logging.info("watch got %s: %s.", blob.name, blob.read().decode())


@app.blob_trigger(arg_name="blob", path="bad/{name}", connection=STORAGE, source="EventGrid")
async def fail(blob: func.InputStream) -> None:
    logging.info("fail got %s.", blob.name)
    raise ValueError("on purpose")


@app.blob_trigger(arg_name="blob", path="deadly/{name}", connection=STORAGE, source="EventGrid")
def deadly(blob: func.InputStream) -> None:
    marker = Path("died")
    if not marker.exists():
        marker.touch()
        os._exit(3)
    logging.info("survived %s.", blob.name)


@app.blob_trigger(arg_name="blob", path="polled/{name}", connection=STORAGE)
def polled(blob: func.InputStream) -> None:
    logging.info("polled got %s.", blob.name)


@app.route(route="{*path}")
def everything(req: func.HttpRequest) -> str:
    return "everything"
