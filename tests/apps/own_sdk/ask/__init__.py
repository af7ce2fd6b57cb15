"""An app that sets up OpenTelemetry's SDK itself."""

import json
import os

import requests
from opentelemetry import trace
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
RequestsInstrumentor().instrument()
tracer = trace.get_tracer(__name__)


def main(req, context):
    with tracer.start_as_current_span("theirs") as theirs:
        with context.tracer.span("ours"):
            pass
        assert trace.get_current_span() is theirs
        answer = requests.get(os.environ["SECOND_APP"]).json()
    with context.tracer.span("ours around"), tracer.start_as_current_span("theirs within"):
        pass
    spans = exporter.get_finished_spans()
    return json.dumps(
        {
            "is_theirs": trace.get_tracer_provider() is provider,
            "answer": answer,
            "spans": {
                span.name: {
                    "trace": f"{span.context.trace_id:032x}",
                    "id": f"{span.context.span_id:016x}",
                    "parent": span.parent and f"{span.parent.span_id:016x}",
                }
                for span in spans
            },
        }
    )
