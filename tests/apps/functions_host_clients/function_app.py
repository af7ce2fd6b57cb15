"""Functions that take clients of Azure's own library, for references that Microsoft's Functions host sends."""

from __future__ import annotations

import typing

import azure.functions as func
import azurefunctions.extensions.base as base
import azurefunctions.extensions.bindings.blob as blob

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
seen = []


class Message(base.SdkType):
    """A type of a package for another service."""

    def get_sdk_type(self) -> str:
        data = self._data
        return f"{data.source} {data.version} {data.content_type} {data.content.decode()}"


class Settlement(base.GrpcClientType):
    """A client that settles messages."""

    def get_client(self) -> str:
        return "a client"


class Messages(base.InConverter, binding="serviceBus", trigger="serviceBusTrigger"):
    """What makes the types of that package."""

    @classmethod
    def check_input_type_annotation(cls, pytype: type) -> bool:
        return True

    @classmethod
    def decode(cls, data: base.Datum, *, trigger_metadata: object, pytype: type) -> object:
        if data.type == "collection_model_binding_data":
            return [Message(data=one).get_sdk_type() for one in data.value.model_binding_data]
        return Message(data=data.value).get_sdk_type()


class SettlementMaker(base.InConverter, binding="serviceBusClient"):
    """What makes that client."""

    @classmethod
    def check_input_type_annotation(cls, pytype: type) -> bool:
        return True

    @classmethod
    def decode(cls, data: base.Datum, *, trigger_metadata: object, pytype: type) -> object:
        raise NotImplementedError

    @classmethod
    def get_client(cls) -> str:
        return "a client"


@app.blob_trigger(arg_name="client", path="samples/{name}", connection="C")
@app.queue_output(arg_name="out", queue_name="o", connection="C")
def client(client: blob.BlobClient, out: func.Out[str]) -> None:
    seen.append(client)
    kept = all(earlier is client for earlier in seen)
    out.set(f"{client.container_name}/{client.blob_name} {kept}")


@app.blob_trigger(arg_name="start", path="samples/{name}", connection="C")
@app.blob_input(arg_name="container", path="samples/{name}", connection="C")
@app.generic_output_binding(arg_name="$return", type="something")
def container(start: bytes, container: blob.ContainerClient) -> str:
    return container.container_name if container else "none"


@app.service_bus_queue_trigger(arg_name="message", queue_name="q", connection="C")
@app.generic_output_binding(arg_name="$return", type="something")
def one_message(message: Message, settlement: Settlement) -> list:
    return [message, settlement]


@app.service_bus_queue_trigger(arg_name="messages", queue_name="q", connection="C", cardinality="many")
@app.generic_output_binding(arg_name="$return", type="something")
def messages(messages: typing.List[Message]) -> list:
    return messages


@app.queue_trigger(arg_name="message", queue_name="q", connection="C")
def wrong(message: blob.BlobClient) -> None:
    pass
