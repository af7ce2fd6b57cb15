import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from ..store import NewOrder, Order, OrderOfPath, StoreOfApp
from .session import Customer, audit

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/orders", tags=["orders"])


@router.post("", status_code=202, dependencies=[Depends(audit)])
async def create_order(
    new: NewOrder,
    customer: Customer,
    store: StoreOfApp,
    tasks: BackgroundTasks,
    request: Request,
    response: Response,
) -> Order:
    order = store.add(new, customer)
    # The customer gets the response at once, the supplier's confirmation comes later.
    tasks.add_task(store.confirm, order.id)
    response.headers["Location"] = str(request.url_for("get_order", number=order.id))
    return order


@router.get("")
def list_orders(store: StoreOfApp, item: Annotated[list[str], Query()] = []) -> list[Order]:  # noqa: B006
    return [order for order in store.orders.values() if not item or order.item in item]


@router.get("/{number}")
async def get_order(order: OrderOfPath) -> Order:
    return order


@router.put("/{number}/confirmation", status_code=204)
async def confirm_order(order: OrderOfPath, store: StoreOfApp) -> None:
    store.confirmations[order.id].set()


@router.get("/{number}/events")
async def follow_order(order: OrderOfPath, store: StoreOfApp) -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        yield event(order)
        await store.confirmations[order.id].wait()
        while order.status == "pending":
            await asyncio.sleep(0.01)
        yield event(order)

    return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


@router.get("/{number}/confirmed")
async def wait_for_confirmation(order: OrderOfPath, request: Request) -> Order:
    logger.info("a client waits for order %d", order.id)
    while order.status == "pending":
        if await request.is_disconnected():
            logger.info("the client does not wait for order %d any more", order.id)
            break
        await asyncio.sleep(0.01)
    return order


def event(order: Order) -> str:
    return f"event: {order.status}\ndata: {json.dumps({'id': order.id})}\n\n"
