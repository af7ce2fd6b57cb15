"""Spans in concurrent tasks, across awaits, and in a thread with a copied context."""

import asyncio
import random


async def pause():
    await asyncio.sleep(random.random() / 50)


async def main(req, context):
    number = req.params["number"]
    tracer = context.tracer

    def in_thread():
        with tracer.span(f"thread {number}"):
            pass

    async def branch(name):
        await pause()
        with tracer.span(f"{name} {number}") as span:
            await pause()
            with tracer.span(f"{name} leaf {number}"):
                await pause()
                assert tracer.current_span().parent_span is span
            await pause()
            assert tracer.current_span() is span

    async def in_task():
        await pause()
        with tracer.span(f"task {number}"):
            await pause()

    with tracer.span(f"outer {number}") as outer:
        await asyncio.gather(branch("left"), branch("right"))
        await asyncio.to_thread(in_thread)
        task = asyncio.create_task(in_task())
        with tracer.span(f"beside {number}"):
            await task
        assert tracer.current_span() is outer
    assert tracer.current_span().span_id == tracer.root.span_id
    return context.trace_context.Traceparent.split("-")[1]
