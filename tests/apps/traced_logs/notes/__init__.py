"""Logs inside and outside of spans."""

import datetime
import logging

logging.info("imported")


def main(req, context):
    logging.info("in the call")
    with context.tracer.span("outer"):
        extra = {
            "order": 7,
            "paid": True,
            "price": 1.5,
            "on": datetime.date(2026, 1, 2),
            "large": 1 << 70,
            "names": ["a", "b"],
        }
        logging.getLogger("shop.orders").warning("in a span", extra=extra)
        with context.tracer.span("inner"):
            logging.error("in a %s %s", "span", "within")
        logging.info("behind it")
    with context.tracer.span("fails"):
        try:
            raise ValueError("no luck")
        except ValueError:
            logging.getLogger("shop").exception("it failed")
    logging.info("with ids of its own", extra={"trace_id": "mine", "file": "caf\udce9.csv"})
    logging.critical("at the end")
    return context.invocation_id
