"""Downloads that are made row by row."""

import logging
from collections.abc import Iterator

from flask import Blueprint, Response, request, stream_with_context

logger = logging.getLogger(__name__)
exports = Blueprint("exports", __name__)


@exports.get("/export.csv")
def export() -> Response:
    rows = request.args.get("rows", 10, type=int)

    def lines() -> Iterator[str]:
        made = 0
        try:
            yield "row,square\n"
            for row in range(rows):
                yield f"{row},{row * row}\n"
                made += 1
        finally:
            # Runs, too, when a client leaves: the server closes the generator.
            logger.info("export of %d rows closed after %d", rows, made)

    response = Response(stream_with_context(lines()), mimetype="text/csv")
    response.headers["Content-Disposition"] = "attachment; filename=export.csv"
    response.call_on_close(lambda: logger.info("response of export closed"))
    return response
