"""Two steps, one after the other, in spans within a span."""

import asyncio

import azure.functions as func


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = req.params.get("name", "world")
    with context.tracer.span("greet") as greet:
        greet.add_attribute("name", name)
        with context.tracer.span("look up"):
            await asyncio.sleep(0.01)
        with context.tracer.span("write") as write:
            await asyncio.sleep(0.01)
            write.add_annotation("written", length=len(name))
    return func.HttpResponse(f"Hello, {name}!")
