"""Functions that read and write blobs and queues."""

from __future__ import annotations

import json
import logging

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
STORAGE = "AzureWebJobsStorage"


@app.route(route="items/{id}")
@app.blob_input(arg_name="obj", path="samples/{id}", connection=STORAGE)
def items(req: func.HttpRequest, obj: func.InputStream) -> None:
    logging.info(f"Python HTTP triggered function processed: {obj.read()}")


@app.route(route="put")
@app.queue_output(arg_name="msg", queue_name="outqueue", connection=STORAGE)
def put(req: func.HttpRequest, msg: func.Out[func.QueueMessage]) -> str:
    message = req.params.get("body")
    msg.set(message)
    return message


@app.route(route="describe/{id}")
@app.blob_input(arg_name="blob", path="samples/{id}", connection=STORAGE)
def describe(req: func.HttpRequest, blob: func.InputStream) -> str:
    if blob is None:
        return "missing"
    first = blob.readline()
    rest = blob.read(3)
    return json.dumps(
        {
            "name": blob.name,
            "length": blob.length,
            "uri": blob.uri,
            "type": blob.blob_properties["ContentType"],
            "metadata": blob.metadata,
            "first": first.decode(),
            "rest": rest.decode(),
            "end": blob.read().decode(),
            "readable": blob.readable(),
        }
    )


@app.route(route="text/{id}")
@app.blob_input(arg_name="blob", path="samples/{id}", connection=STORAGE)
async def text(req: func.HttpRequest, blob: str) -> str:
    return f"{type(blob).__name__} {blob}"


@app.route(route="bytes/{id}")
@app.blob_input(arg_name="blob", path="samples/{id}", connection=STORAGE)
def as_bytes(req: func.HttpRequest, blob: bytes) -> str:
    return f"{type(blob).__name__} {blob!r}"


# The names come from the body, the query and the headers.
@app.route(route="save", methods=["POST"])
@app.blob_output(arg_name="copy", path="saved/{customer.name}/{query.kind}-{headers.x-number}.txt", connection=STORAGE)
@app.queue_output(arg_name="note", queue_name="notes-{kind}", connection=STORAGE)
def save(req: func.HttpRequest, copy: func.Out[str], note: func.Out[str]) -> str:
    copy.set(req.get_body().decode())
    note.set(json.dumps({"saved": True}))
    return "saved"


@app.route(route="copy/{id}")
@app.blob_input(arg_name="source", path="samples/{id}", connection=STORAGE)
@app.blob_output(arg_name="target", path="copies/{id}", connection=STORAGE)
def copy_blob(req: func.HttpRequest, source: func.InputStream, target: func.Out[func.InputStream]) -> str:
    target.set(source)
    return "copied"


@app.route(route="many")
@app.queue_output(arg_name="messages", queue_name="many", connection=STORAGE)
def many(req: func.HttpRequest, messages: func.Out[list[str]]) -> str:
    messages.set(["one", {"two": 2}, func.QueueMessage(body=b"three"), b"\xff"])
    return "sent"


# The return value is a message, so that the response is the output's.
@app.route(route="both", binding_arg_name="response")
@app.queue_output(arg_name="$return", queue_name="both", connection=STORAGE)
def both(req: func.HttpRequest, response: func.Out[func.HttpResponse]) -> str:
    response.set(func.HttpResponse("created", status_code=201))
    return "message"


@app.route(route="twice/{id}")
@app.blob_input(arg_name="source", path="samples/{id}", connection=STORAGE)
@app.blob_output(arg_name="one", path="copies/one", connection=STORAGE)
@app.blob_output(arg_name="two", path="copies/two", connection=STORAGE)
def twice(
    req: func.HttpRequest,
    source: func.InputStream,
    one: func.Out[func.InputStream],
    two: func.Out[func.InputStream],
) -> None:
    one.set(source)
    two.set(source)


@app.route(route="long")
@app.queue_output(arg_name="messages", queue_name="long", connection=STORAGE)
def long(req: func.HttpRequest, messages: func.Out[list[str]]) -> str:
    messages.set(["short", "x" * 60_000])
    return "not sent"


# What is set before it raises is not written.
@app.route(route="fail")
@app.queue_output(arg_name="message", queue_name="never", connection=STORAGE)
def fail(req: func.HttpRequest, message: func.Out[str]) -> str:
    message.set("never")
    raise ValueError("on purpose")


@app.queue_trigger(arg_name="message", queue_name="work", connection=STORAGE)
@app.blob_input(arg_name="blob", path="samples/{file}", connection=STORAGE)
@app.blob_output(arg_name="result", path="results/{file}-{id}", connection=STORAGE)
@app.queue_output(arg_name="$return", queue_name="done", connection=STORAGE)
def work(message: func.QueueMessage, blob: bytes, result: func.Out[bytes]) -> str:
    result.set(blob.upper())
    return message.get_json()["file"]
