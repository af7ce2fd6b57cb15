"""The service that is called: it returns what it received."""

import json


def main(req, context):
    headers = {name.lower(): value for name, value in dict(req.headers).items()}
    return json.dumps(
        {
            "came": {name: headers.get(name) for name in ("traceparent", "tracestate", "baggage")},
            "traceparent": context.trace_context.Traceparent,
        }
    )
