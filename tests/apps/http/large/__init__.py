import azure.functions as func


def main(req: func.HttpRequest) -> bytes:
    return bytes(range(256)) * (int(req.params["size"]) // 256)
