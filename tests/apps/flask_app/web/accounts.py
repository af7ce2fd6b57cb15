from __future__ import annotations

from flask import Blueprint, Response, abort, jsonify, redirect, request, session, url_for

accounts = Blueprint("accounts", __name__)


@accounts.post("/login")
def log_in() -> Response:
    session["user"] = request.form["user"]
    response = redirect(url_for("accounts.show_account"), code=303)
    response.set_cookie("theme", request.form.get("theme", "light"), max_age=60)
    return response


@accounts.get("/account")
def show_account() -> Response:
    if "user" not in session:
        abort(401)
    session["visits"] = session.get("visits", 0) + 1
    return jsonify(user=session["user"], visits=session["visits"])


@accounts.post("/logout")
def log_out() -> tuple[str, int]:
    session.clear()
    return "", 204
