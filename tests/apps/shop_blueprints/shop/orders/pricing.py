from __future__ import annotations

from collections.abc import Mapping

from ..catalog.products import PRODUCTS


def total(lines: Mapping[str, int]) -> int:
    """Returns the price of an order: every third piece of a product is free."""
    return sum(PRODUCTS[sku].price * (count - count // 3) for sku, count in lines.items())
