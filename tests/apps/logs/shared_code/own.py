"""A logger whose only handler is the app's own."""

import logging
import sys

IDS = "%(invocation_id)s|%(function_name)s|%(trace_id)s|%(span_id)s"

handler = logging.StreamHandler(sys.stderr)
handler.setFormatter(logging.Formatter(f"own|{IDS}|%(message)s"))
log = logging.getLogger("own")
log.propagate = False
log.setLevel(logging.INFO)
log.addHandler(handler)
log.info("begins")
