"""Who the customer is: a cookie, or a header."""

import logging
from collections.abc import Iterator
from typing import Annotated, Optional

from fastapi import APIRouter, Cookie, Depends, Header, HTTPException, Response

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/session", tags=["session"])


def customer(
    customer: Annotated[Optional[str], Cookie()] = None,
    x_customer: Annotated[Optional[str], Header()] = None,
) -> str:
    name = customer or x_customer
    if name is None:
        raise HTTPException(401, "who are you?", headers={"WWW-Authenticate": "Cookie"})
    return name


Customer = Annotated[str, Depends(customer)]


def audit(name: Customer) -> Iterator[None]:
    yield
    logger.info("%s has ordered", name)


@router.put("/{name}", status_code=204)
def log_in(name: str, response: Response) -> None:
    response.set_cookie("customer", name, httponly=True)
    response.set_cookie("theme", "dark", max_age=60)
