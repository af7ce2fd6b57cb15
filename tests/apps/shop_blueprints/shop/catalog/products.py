from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Product:
    sku: str
    name: str
    #: In cents.
    price: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


PRODUCTS = {
    product.sku: product for product in (Product("tea", "Green tea", 450), Product("cafe", "Café crème", 990))
}
