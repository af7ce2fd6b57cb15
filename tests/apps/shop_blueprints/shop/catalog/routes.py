"""The products that the shop sells."""

from __future__ import annotations

import azure.functions as func

from ..shared.errors import ShopError, answers_errors
from ..shared.responses import json_response
from .products import PRODUCTS, Product

catalog = func.Blueprint()


@catalog.route(route="products", methods=["GET"])
def list_products(req: func.HttpRequest) -> func.HttpResponse:
    most = int(req.params.get("max_price", 10**9))
    return json_response([product.as_dict() for product in PRODUCTS.values() if product.price <= most])


@catalog.function_name("GetProduct")
@catalog.route(route="products/{sku}", methods=["GET"])
@answers_errors
def get_product(req: func.HttpRequest) -> func.HttpResponse:
    return json_response(find(req.route_params["sku"]).as_dict())


@catalog.route(route="products/{sku}", methods=["PUT"], auth_level=func.AuthLevel.ADMIN)
@answers_errors
async def put_product(req: func.HttpRequest) -> func.HttpResponse:
    sku = req.route_params["sku"]
    try:
        product = Product(sku, **req.get_json())
    except (TypeError, ValueError) as error:
        raise ShopError(400, f"not a product: {error}") from error
    is_new = sku not in PRODUCTS
    PRODUCTS[sku] = product
    return json_response(product.as_dict(), status=201 if is_new else 200)


@catalog.route(route="products/{sku}", methods=["DELETE"], auth_level=func.AuthLevel.ADMIN)
@answers_errors
def delete_product(req: func.HttpRequest) -> func.HttpResponse:
    del PRODUCTS[find(req.route_params["sku"]).sku]
    return func.HttpResponse(status_code=204)


def find(sku: str) -> Product:
    product = PRODUCTS.get(sku)
    if product is None:
        raise ShopError(404, f"no product {sku!r}")
    return product
