"""A blueprint."""

from __future__ import annotations

import azure.functions as func

orders = func.Blueprint()


@orders.function_name("Renamed")
@orders.queue_trigger(arg_name="msg", queue_name="q", connection="C")
@orders.queue_output(arg_name="out", queue_name="o", connection="C")
@orders.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:05")
def copy(msg: func.QueueMessage, out: func.Out[str]) -> None:
    out.set(msg.get_body().decode())
