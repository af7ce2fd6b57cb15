"""Greets by name, in its own span."""

import azure.functions as func


def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = name_of(req)
    with context.tracer.span("greet") as span:
        span.add_attribute("name", name)
        greeting = f"Hello, {name}!"
    return func.HttpResponse(greeting)


def name_of(req: func.HttpRequest) -> str:
    """Returns `?name=`, else `{"name": …}` of the body, else a default."""
    name = req.params.get("name")
    if not name:
        try:
            body = req.get_json()
        except ValueError:
            body = None
        name = body.get("name") if isinstance(body, dict) else None
    return str(name or "world")
