"""The peers' Flask app, unchanged."""

import sys

import azure.functions as func

sys.path.append("..")
from flask_app import app as flask

app = func.WsgiFunctionApp(app=flask, http_auth_level=func.AuthLevel.ANONYMOUS)
