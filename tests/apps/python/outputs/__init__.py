import azure.functions as func


def main(req: func.HttpRequest, first: func.Out[object], second: func.Out[object]):
    for name, out in {"first": first, "second": second}.items():
        if name in req.params:
            out.set({"a": 1} if req.params[name] == "dict" else req.params[name])
    return req.params.get("return")
