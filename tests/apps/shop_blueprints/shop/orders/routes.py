"""The orders of customers."""

import itertools
import logging
import os

import azure.functions as func

from shop.catalog.products import PRODUCTS
from shop.shared.errors import ShopError, answers_errors
from shop.shared.responses import json_response

from .pricing import total

logger = logging.getLogger(__name__)
orders = func.Blueprint()

ORDERS: dict = {}
numbers = itertools.count(1)


@orders.route(route="orders", methods=[func.HttpMethod.POST])
@answers_errors
async def create_order(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    lines = req.get_json()["lines"]
    unknown = sorted(set(lines) - set(PRODUCTS))
    if unknown:
        raise ShopError(409, f"not for sale: {', '.join(unknown)}")
    number = next(numbers)
    ORDERS[number] = {
        "number": number,
        "total": total(lines),
        "currency": os.environ["SHOP_CURRENCY"],
        "invocation": context.invocation_id,
    }
    logger.info("order %s costs %s", number, ORDERS[number]["total"])
    location = f"{req.url.rstrip('/')}/{number}"
    return json_response(ORDERS[number], status=201, headers={"Location": location})


@orders.route(route="orders/{number:int}", methods=[func.HttpMethod.GET])
@answers_errors
def get_order(req: func.HttpRequest) -> func.HttpResponse:
    order = ORDERS.get(int(req.route_params["number"]))
    if order is None:
        raise ShopError(404, f"no order {req.route_params['number']}")
    return json_response(order)
