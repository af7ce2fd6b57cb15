import azure.functions as func


def main(req: func.HttpRequest) -> bytes:
    """Returns the request's body, or one of the requested size."""
    return req.get_body() or bytes(range(256)) * (int(req.params["size"]) // 256)
