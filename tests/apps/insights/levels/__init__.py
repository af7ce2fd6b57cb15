"""Logs at each level."""

import logging


def main(req, context):
    log = logging.getLogger(req.params.get("logger"))
    for level in (10, 20, 30, 40, 50):
        log.log(level, "at %d", level)
    return context.invocation_id
