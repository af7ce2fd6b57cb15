from __future__ import annotations

from flask import Flask
from row_sync import random_row

app = Flask(__name__)


@app.get("/test")
def test() -> dict[str, str]:
    return random_row()
