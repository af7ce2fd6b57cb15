import json

import azure.functions as func


def main(
    message: str,
    text: str,
    document: str,
    blob: bytes,
    context: func.Context,
    first: func.Out[str],
    second: func.Out[bytes],
    unset: func.Out[str],
) -> dict:
    if message == "raise":
        raise ValueError("on purpose")
    first.set(text.upper())
    second.set(bytes(reversed(blob)))
    return {
        "message": message,
        "document": json.loads(document),
        "id": context.invocation_id,
        "traceparent": context.trace_context.trace_parent,
        "retry": [context.retry_context.retry_count, context.retry_context.max_retry_count],
        "unset": unset.get(),
    }
