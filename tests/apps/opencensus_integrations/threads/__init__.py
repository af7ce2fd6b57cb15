"""Threads to which the integration of `threading` passes the current span."""

import threading
from concurrent.futures import ThreadPoolExecutor

from opencensus.trace import config_integration

config_integration.trace_integrations(["threading"])


def main(req, context):
    def work(name):
        with context.tracer.span(name):
            pass

    with context.tracer.span("parent"):
        thread = threading.Thread(target=work, args=("in a thread",))
        thread.start()
        thread.join()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(work, "in a pool").result()
    return "done"
