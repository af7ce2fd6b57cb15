"""The peers' FastAPI app, unchanged."""

import sys

import azure.functions as func

sys.path.append("..")
from fastapi_app import app as fastapi

app = func.AsgiFunctionApp(app=fastapi, http_auth_level=func.AuthLevel.ANONYMOUS)
