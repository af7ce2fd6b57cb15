"""Functions that hand their requests to the apps."""

import azure.functions as func
from asgi_app import web as asgi_web
from wsgi_app import web as wsgi_web

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
asgi = func.AsgiMiddleware(asgi_web)
wsgi = func.WsgiMiddleware(wsgi_web)


@app.route(route="asgi/{name}")
async def through_asgi(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    response = await asgi.handle_async(req, context)
    response.headers["x-function"] = context.function_name
    return response


@app.route(route="wsgi/{name}")
def through_wsgi(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return wsgi.handle(req, context)


@app.route(route="plain/returns")
def plain(req: func.HttpRequest) -> str:
    return "returned"
