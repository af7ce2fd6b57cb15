import azure.functions as func

from .prices import price

shop = func.Blueprint()


@shop.route(route="shop/{item}")
def buy(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"{req.route_params['item']}: {price(req.route_params['item'])}")
