"""Calls another service with the standard library."""

import os
import urllib.request

from opencensus.trace import config_integration

config_integration.trace_integrations(["httplib"])


def main(req, context):
    with context.tracer.span("parent"), urllib.request.urlopen(os.environ["SECOND_APP"]) as response:
        return response.read()
