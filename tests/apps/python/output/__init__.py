import azure.functions as func


def main(req: func.HttpRequest, response: func.Out[func.HttpResponse]) -> None:
    if "set" in req.params:
        response.set(func.HttpResponse("first"))
        assert response.get().get_body() == b"first"
        response.set(func.HttpResponse(req.params["set"], status_code=202))
