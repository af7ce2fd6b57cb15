import json

import azure.functions as func


def main(req: func.HttpRequest) -> func.HttpResponse:
    """Returns the fields of the request, read in every way that the library has."""
    try:
        document = req.get_json()
    except ValueError as error:
        document = f"ValueError: {error}"
    seen = {
        "is_request": isinstance(req, func.HttpRequest),
        "method": req.method,
        "url": req.url,
        "headers": [req.headers["X-Name"], req.headers.get("x-name"), req.headers.get("X-None")],
        "params": req.params.get("p"),
        "route_params": dict(req.route_params),
        "body": req.get_body().decode(),
        "json": document,
        "form": req.form.to_dict(flat=False),
        "files": {name: [file.filename, file.mimetype, file.read().decode()] for name, file in req.files.items()},
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")
