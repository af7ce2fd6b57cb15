"""Two frameworks in one app, each instrumented by OpenTelemetry's package for it."""

from __future__ import annotations

import azure.functions as func
from fastapi import FastAPI
from flask import Flask
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

web = FastAPI()
shop = Flask(__name__)
FastAPIInstrumentor.instrument_app(web)
FlaskInstrumentor().instrument_app(shop)


@web.get("/api/web/orders/{number}")
async def show_order(number: int) -> dict[str, str]:
    return {"number": str(number), "trace": f"{trace.get_current_span().context.trace_id:032x}"}


@shop.get("/api/shop/orders/<int:number>")
def show_shop_order(number: int) -> dict[str, str]:
    return {"number": str(number), "trace": f"{trace.get_current_span().context.trace_id:032x}"}


@app.route(route="web/{*rest}")
async def by_fastapi(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await func.AsgiMiddleware(web).handle_async(req, context)


@app.route(route="shop/{*rest}")
def by_flask(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.WsgiMiddleware(shop.wsgi_app).handle(req, context)
