"""Does what an extension in Python does that knows the spans within a call."""

import contextvars
import logging

from funcdock import logs

from shared_code import own

span = contextvars.ContextVar("span", default=None)


def current_span(call):
    if span.get() == "broken":
        raise RuntimeError("of the extension")
    return span.get()


def main(req, context):
    logs.current_span = current_span
    own.log.info("outside")
    span.set(("a" * 32, "b" * 16))
    own.log.info("inside")
    logging.info("for the host")
    span.set("broken")
    own.log.info("broken")
    span.set(None)
    logs.current_span = None
    return context.invocation_id
