import json

import azure.functions as func


def main(req: func.HttpRequest) -> func.HttpResponse:
    if req.method == "GET":
        return func.HttpResponse("Hello, Ada!")
    order = req.get_json()
    order["total"] = sum(item["price"] * item["count"] for item in order["items"])
    return func.HttpResponse(json.dumps(order), mimetype="application/json")
