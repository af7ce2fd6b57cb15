"""A web shop: one blueprint for each domain, each in a package of its own."""

import azure.functions as func
from shop.catalog import catalog
from shop.orders import orders
from shop.shared.health import health

app = func.FunctionApp()

for blueprint in (catalog, orders, health):
    app.register_functions(blueprint)
