import datetime
import logging


class Formatter(logging.Formatter):
    def format(self, record):
        return f"formatted: {super().format(record)}"


def main(req, context):
    log = logging.getLogger("shop")
    log.info("plain\nin two lines")
    log.info("extra", extra={"order": 7, "paid": True, "on": datetime.date(2026, 1, 2), "text": "\ud800"})
    log.info("no JSON", extra={"ratio": float("nan")})
    log.info("lone \ud800 surrogate")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("caught")
        handler = logging.getLogger().handlers[0]
        handler.setFormatter(Formatter("%(trace_id)s: %(message)s"))
        log.exception("caught again", stack_info=True)
        handler.setFormatter(None)
    if req.params.get("raise"):
        raise ValueError("of the function")
    return context.invocation_id
