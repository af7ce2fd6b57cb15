"""The state of the app, which lives as long as its lifespan."""

import asyncio
from typing import Annotated, Optional

from fastapi import Depends, HTTPException, Request
from pydantic import BaseModel, Field


class NewOrder(BaseModel):
    item: str = Field(min_length=1)
    count: int = Field(default=1, gt=0)
    note: Optional[str] = None


class Order(NewOrder):
    id: int
    customer: str
    status: str = "pending"


class SoldOutError(Exception):
    def __init__(self, item: str) -> None:
        super().__init__(item)
        self.item = item


class Store:
    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.confirmations: dict[int, asyncio.Event] = {}

    def add(self, new: NewOrder, customer: str) -> Order:
        if new.item == "unicorn":
            raise SoldOutError(new.item)
        order = Order(id=len(self.orders) + 1, customer=customer, **new.model_dump())
        self.orders[order.id] = order
        self.confirmations[order.id] = asyncio.Event()
        return order

    async def confirm(self, number: int) -> None:
        """Waits until the supplier confirms the order."""
        await self.confirmations[number].wait()
        self.orders[number].status = "confirmed"


def _store(request: Request) -> Store:
    return request.state.store


StoreOfApp = Annotated[Store, Depends(_store)]


def _order(number: int, store: StoreOfApp) -> Order:
    if number not in store.orders:
        raise HTTPException(404, f"no order {number}")
    return store.orders[number]


OrderOfPath = Annotated[Order, Depends(_order)]
