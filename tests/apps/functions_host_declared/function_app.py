"""Functions as hosts list them: with policies, from another file, and one that cannot be loaded."""

from __future__ import annotations

import json

import azure.functions as func
from orders import orders

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(orders)


@app.route(route="hello/{name:int?}", methods=["GET", "POST"])
def hello(req: func.HttpRequest, context: func.Context) -> str:
    trace, retry = context.trace_context, context.retry_context
    return json.dumps(
        {
            "attributes": trace.attributes,
            "same": trace.Attributes is trace.attributes,
            "parent": trace.trace_parent,
            "retry": [retry.retry_count, retry.max_retry_count],
            "message": retry.exception.message if retry.exception else None,
            "same_exception": (retry.rpc_exception is None) is (retry.exception is None),
            "directory": context.function_directory,
        }
    )


@app.schedule(schedule="0 */5 * * * *", arg_name="timer", run_on_startup=True)
@app.retry(
    strategy="exponential_backoff",
    max_retry_count="-1",
    minimum_interval="00:00:01",
    maximum_interval="00:10:00",
)
def every_five(timer: func.TimerRequest) -> None:
    pass


@app.generic_trigger(arg_name="item", type="somethingTrigger", data_type=func.DataType.BINARY)
@app.generic_output_binding(arg_name="$return", type="something", data_type=func.DataType.UNDEFINED)
def generic(item: bytes) -> bytes:
    return item


@app.route(route="odd/{id:even}")
def odd(req: func.HttpRequest) -> str:
    return "a constraint that only the host may know"


@app.route(route="odd/{id:even}")
@app.retry(strategy="fixed_delay", max_retry_count="1", delay_interval="00:00:05")
def same(req: func.HttpRequest) -> str:
    return "a route of two functions"


@app.route(route="broken")
def broken(req: func.HttpRequest, nothing: str) -> str:
    return nothing
