"""Functions of the decorator model, as its guide and its quick start show them."""

from __future__ import annotations

import json
import logging

import azure.functions as func
from blueprints.shop import shop
from health import health

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(shop)
app.register_blueprint(health)

# One app may have a second name.
function_app = app


@app.route(route="HttpExample")
def http_example(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("Python HTTP trigger function processed a request.")
    name = req.params.get("name") or "world"
    return func.HttpResponse(f"Hello, {name}.")


@app.function_name(name="Described")
@app.route(route="described/{id:int}", methods=["GET", "POST"], auth_level=func.AuthLevel.ADMIN)
async def described(req: func.HttpRequest, context: func.Context) -> str:
    return json.dumps(
        {
            "method": req.method,
            "id": req.route_params["id"],
            "function": context.function_name,
            "directory": context.function_directory,
        }
    )


@app.route(trigger_arg_name="__request_")
def odd_names(__request_: func.HttpRequest) -> str:
    return __request_.method


@app.generic_trigger(arg_name="req", type="httpTrigger", route="generic", methods=["GET"])
@app.generic_output_binding(arg_name="answer_", type="http")
def generic(req: func.HttpRequest, answer_: func.Out[func.HttpResponse]) -> None:
    answer_.set(func.HttpResponse("generic", status_code=201))


@app.route()
def nothing(req: func.HttpRequest) -> None:
    return None


@app.timer_trigger(schedule="0 */5 * * * *", arg_name="timer")
@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:10")
def tick(timer: func.TimerRequest) -> None: ...
