"""Describes what functions get. The tests write the functions themselves: one for each type of binding."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

FIELDS = (
    "blob_properties",
    "body",
    "correlation_id",
    "data_version",
    "delivery_count",
    "dequeue_count",
    "enqueued_time",
    "enqueued_time_utc",
    "event_time",
    "event_type",
    "id",
    "insertion_time",
    "iothub_metadata",
    "key",
    "length",
    "message_id",
    "metadata",
    "name",
    "offset",
    "partition_key",
    "past_due",
    "pop_receipt",
    "schedule",
    "schedule_status",
    "sequence_number",
    "subject",
    "topic",
    "uri",
    "user_properties",
)


def shown(value: Any) -> Any:
    """Returns what JSON has of a value: of an object its class and what is set of its fields."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, Mapping):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [shown(item) for item in value]
    found = {field: getattr(value, field, None) for field in FIELDS}
    found = {field: item for field, item in found.items() if item not in (None, {})}
    for method in ("get_body", "get_json", "read"):
        if hasattr(value, method):
            # Not all bodies are JSON.
            try:
                found[method] = getattr(value, method)()
            except ValueError:
                continue
    fields = {field: item if field in ("past_due",) else shown_field(item) for field, item in found.items()}
    return {"class": type(value).__name__, **fields}


def shown_field(item: Any) -> Any:
    if isinstance(item, (bytes, Mapping, str, int, float, list)):
        return shown(item)
    return str(item)


def text(value: Any) -> str:
    return json.dumps(shown(value))
