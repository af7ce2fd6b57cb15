"""Functions of the library for Durable Functions."""

from __future__ import annotations

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="start")
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> str:
    return f"{type(client).__name__} {client.create_http_management_payload('7')['id']}"


@app.orchestration_trigger(context_name="context")
def greet(context: df.DurableOrchestrationContext):
    first = yield context.call_activity("hello", "Ada")
    return [first]


@app.activity_trigger(input_name="name")
def hello(name: str) -> str:
    return f"Hello, {name}!"


@app.entity_trigger(context_name="context")
def counter(context: df.DurableEntityContext) -> None:
    value = context.get_state(lambda: 0)
    context.set_state(value + context.get_input())
    context.set_result(value)
