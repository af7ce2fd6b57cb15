import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="hello", methods=["GET"])
def hello(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(0.005)
    name = req.params.get("name", "world")
    return func.HttpResponse(f"Hello, {name}!")
