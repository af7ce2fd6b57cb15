"""Logs what is not a plain text, in a call, in a span, and outside of both."""

import logging
import threading

called = threading.Event()


def log_outside():
    called.wait()
    logging.warning("outside of calls")


logging.info("imported")
threading.Thread(target=log_outside, daemon=True).start()


def main(req, context):
    logging.info({"number": 7})
    logging.info("%d of %d", 1, "two")
    logging.getLogger("shop.orders").warning(
        "with fields", extra={"order": 7, "nested": {"a": [1]}, "Category": "mine", "trace_id": "mine"}
    )
    with context.tracer.span("inner"):
        try:
            look_up("sofa")
        except KeyError:
            logging.critical("not %s", "found", exc_info=True)
    called.set()
    return context.invocation_id


def look_up(item):
    return {}[item]
