from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import azure.functions as func


def json_response(
    value: Any,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    mimetype: str = "application/json",
) -> func.HttpResponse:
    body = json.dumps(value, ensure_ascii=False)
    return func.HttpResponse(body, status_code=status, headers=headers, mimetype=mimetype)
