"""The developer guide's sample with Funcdock's extension: it calls another service within a span."""

import json
import logging

import requests
from destination import SECOND_APP, SETTINGS
from opencensus.trace import config_integration

from funcdock.extensions import opencensus

config_integration.trace_integrations(["requests"])

opencensus.configure(**SETTINGS)


def main(req, context):
    logging.info("asking another service")
    with context.tracer.span("parent"):
        response = requests.get(url=SECOND_APP)
    return json.dumps(
        {
            "response": response.status_code,
            "answer": response.json(),
            "traceparent": context.trace_context.Traceparent,
            "tracestate": context.trace_context.Tracestate,
        }
    )
