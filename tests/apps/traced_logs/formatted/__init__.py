"""The app's own handler, whose format has the ids."""

import logging

handler = logging.FileHandler("own.log")
handler.setFormatter(logging.Formatter("own|%(trace_id)s|%(span_id)s|%(message)s"))
log = logging.getLogger("formatted")
log.addHandler(handler)


def main(req, context):
    with context.tracer.span("within"):
        log.info("formatted")
    return "done"
