import azure.functions as func
from web import create_app

flask_app = create_app()

# The app's routes have the prefix "/api" themselves.
app = func.WsgiFunctionApp(app=flask_app.wsgi_app, http_auth_level=func.AuthLevel.ANONYMOUS)
