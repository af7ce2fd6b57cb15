import http

import azure.functions as func


def cookies():
    response = func.HttpResponse("cookies", headers={"Set-Cookie": "a=1; Path=/"})
    response.headers.add("Set-Cookie", "b=2; HttpOnly")
    return response


class Duck:
    """Not the library's class, but with the same attributes."""

    status_code = 203
    headers = {"X-Duck": "yes"}
    mimetype = "text/plain"
    charset = None

    def get_body(self):
        return b"quack"


VALUES = {
    "str": lambda: "text \N{SNAKE}",
    "bytes": lambda: b"\x00\xff",
    "bytearray": lambda: bytearray(b"array"),
    "none": lambda: None,
    "empty": lambda: func.HttpResponse(),
    "response": lambda: func.HttpResponse("made", status_code=201, headers={"X-One": "1"}),
    "enum": lambda: func.HttpResponse(status_code=http.HTTPStatus.ACCEPTED),
    "json": lambda: func.HttpResponse('{"a": 1}', mimetype="application/json"),
    "html": lambda: func.HttpResponse("caf\xe9", mimetype="text/html", charset="latin-1"),
    "type": lambda: func.HttpResponse("x", headers={"content-type": "text/x-own"}, mimetype="text/plain"),
    "cookies": cookies,
    "nothing": lambda: func.HttpResponse("ignored", status_code=204),
    "length": lambda: func.HttpResponse("four", headers={"Content-Length": "9999", "Transfer-Encoding": "chunked"}),
    "redirect": lambda: func.HttpResponse(status_code=302, headers={"Location": "/api/returns?what=str"}),
    "unicode": lambda: func.HttpResponse("x", headers={"X-Text": "caf\xe9"}),
    "duck": Duck,
    # What cannot be sent.
    "dict": lambda: {"a": 1},
    "int": lambda: 7,
    "status": lambda: func.HttpResponse("x", status_code=99),
    "name": lambda: func.HttpResponse("x", headers={"a b": "c"}),
    "split": lambda: func.HttpResponse("x", headers=[("a", "b")]),
}


def main(req: func.HttpRequest):
    return VALUES[req.params["what"]]()
