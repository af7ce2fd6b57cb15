"""A Flask app: accounts with sessions, and jobs whose logs are streamed."""

from __future__ import annotations

import os

from flask import Flask, request
from werkzeug.exceptions import HTTPException


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["FLASK_SECRET_KEY"]
    app.json.ensure_ascii = False

    # Imported here, as views import the package.
    from .accounts import accounts
    from .exports import exports
    from .jobs import jobs

    app.register_blueprint(accounts, url_prefix="/api")
    app.register_blueprint(jobs, url_prefix="/api/jobs")
    app.register_blueprint(exports, url_prefix="/api")
    app.register_error_handler(HTTPException, answer_error)

    @app.get("/api/pages/<path:page>")
    def show_page(page: str) -> dict:
        return {
            "page": page,
            "query": request.args.to_dict(flat=False),
            "url": request.url,
            "path": request.environ["PATH_INFO"],
            "script": request.environ["SCRIPT_NAME"],
            "function": request.environ["azure_functions.function_name"],
            "invocation": request.environ["azure_functions.invocation_id"],
        }

    @app.get("/api/broken")
    def broken() -> str:
        raise RuntimeError("this view is broken")

    return app


def answer_error(error: HTTPException) -> tuple:
    headers = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    return {"code": error.code, "error": error.name}, error.code, headers
