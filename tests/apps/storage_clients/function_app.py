"""Functions that take clients of Azure's own library."""

from __future__ import annotations

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
STORAGE = "AzureWebJobsStorage"
seen = []


@app.route(route="client/{id}")
@app.blob_input(arg_name="client", path="samples/{id}", connection=STORAGE)
def client(req: func.HttpRequest, client: blob.BlobClient) -> str:
    seen.append(client)
    same = all(earlier is client for earlier in seen)
    return f"{client.container_name}/{client.blob_name} {client.download_blob().readall().decode()} {same}"


@app.route(route="container")
@app.blob_input(arg_name="client", path="samples/any", connection=STORAGE)
def container(req: func.HttpRequest, client: blob.ContainerClient) -> str:
    return " ".join(sorted(item.name for item in client.list_blobs()))


@app.route(route="download/{id}")
@app.blob_input(arg_name="stream", path="samples/{id}", connection=STORAGE)
def download(req: func.HttpRequest, stream: blob.StorageStreamDownloader) -> str:
    return stream.read().decode()
