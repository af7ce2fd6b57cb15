import asyncio

import azure.functions as func
from __app__ import plain


async def main(
    message: str,
    text: str,
    document: str,
    blob: bytes,
    context: func.Context,
    first: func.Out[str],
    second: func.Out[bytes],
    unset: func.Out[str],
) -> dict:
    await asyncio.sleep(0)
    return plain.main(message, text, document, blob, context, first, second, unset)
