"""A stock: HTTP functions change it, a timer looks for what runs low, a queue brings deliveries."""

from __future__ import annotations

import json
import logging

import azure.functions as func
from stock import refresh
from stock.levels import LEVELS

logger = logging.getLogger(__name__)

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.timer_trigger(schedule="0 */10 * * * *", arg_name="timer", use_monitor=False)
@app.queue_output(arg_name="low", queue_name="low-stock", connection="AzureWebJobsStorage")
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:05")
def check_stock(timer: func.TimerRequest, low: func.Out[str]) -> None:
    if timer.past_due:
        logger.warning("the check of the stock is late")
    low.set(json.dumps(refresh.check()))


@app.queue_trigger(arg_name="message", queue_name="deliveries", connection="AzureWebJobsStorage")
def receive_delivery(message: func.QueueMessage) -> None:
    for item, count in message.get_json().items():
        LEVELS.change(item, count)


@app.route(route="stock", methods=["GET"])
def show_stock(req: func.HttpRequest) -> func.HttpResponse:
    return as_json({"items": LEVELS.all(), "checks": refresh.checks})


@app.route(route="stock/{item:alpha}", methods=["POST"])
async def change_stock(req: func.HttpRequest) -> func.HttpResponse:
    try:
        change = int(req.get_body())
    except ValueError:
        return as_json({"error": "the body is not a number"}, 400)
    left = LEVELS.change(req.route_params["item"], change)
    if left is None:
        return as_json({"error": "there is not enough"}, 409)
    return as_json({"left": left})


# Does by hand what the timer does.
@app.route(route="checks", methods=["POST"])
def check_now(req: func.HttpRequest) -> func.HttpResponse:
    return as_json({"low": refresh.check(), "checks": refresh.checks})


# Disabled in local.settings.json, as it needs a queue.
@app.route(route="orders/{item:alpha}", methods=["POST"])
@app.queue_output(arg_name="order", queue_name="orders", connection="AzureWebJobsStorage")
def order_more(req: func.HttpRequest, order: func.Out[str]) -> func.HttpResponse:
    order.set(req.route_params["item"])
    return func.HttpResponse(status_code=202)


def as_json(value: object, status: int = 200) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(value), status_code=status, mimetype="application/json")
