"""As in the developer guide: the extension, configured by the app settings, and the integration of `requests`."""

import json
import logging

import requests
from opencensus.extension.azure.functions import OpenCensusExtension
from opencensus.trace import config_integration

config_integration.trace_integrations(["requests"])

OpenCensusExtension.configure()


def main(req, context):
    logging.info("asking another service")
    with context.tracer.span("parent"):
        response = requests.get(url="http://example.com")
    trace, retry = context.trace_context, context.retry_context
    return json.dumps(
        {
            "method": req.method,
            "response": response.status_code,
            "name": context.function_name,
            "directory": context.function_directory,
            "invocation": context.invocation_id,
            "traceparent": trace.Traceparent,
            "tracestate": trace.Tracestate,
            "retry": [retry.retry_count, retry.max_retry_count],
        }
    )
