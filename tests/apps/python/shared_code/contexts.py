"""Returns all fields of `context`, in a synchronous and in an asynchronous function."""

import json

import azure.functions as func


def main(req: func.HttpRequest, context: func.Context) -> str:
    trace, retry = context.trace_context, context.retry_context
    context.of_the_function = "set"
    return json.dumps(
        {
            "is_context": isinstance(context, func.Context),
            "function_name": context.function_name,
            "function_directory": context.function_directory,
            "invocation_id": context.invocation_id,
            "trace_parent": [trace.trace_parent, trace.Traceparent],
            "trace_state": [trace.trace_state, trace.Tracestate],
            "attributes": [trace.attributes, trace.Attributes],
            "retry": [retry.retry_count, retry.max_retry_count, retry.exception],
            "own": context.of_the_function,
        }
    )


async def main_async(context: func.Context, req: func.HttpRequest) -> str:
    return main(req, context)
