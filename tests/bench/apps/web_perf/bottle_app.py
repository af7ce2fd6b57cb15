from __future__ import annotations

from bottle import Bottle
from row_sync import random_row

app = Bottle()


@app.get("/test")
def test() -> dict[str, str]:
    return random_row()
