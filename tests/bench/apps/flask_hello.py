from flask import Flask, Response, request

app = Flask(__name__)


@app.get("/api/hello")
def hello() -> Response:
    name = request.args.get("name", "world")
    return Response(f"Hello, {name}!", mimetype="text/plain")
