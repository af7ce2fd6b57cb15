import azure.functions as func
from library.wsgi import application

app = func.WsgiFunctionApp(app=application, http_auth_level=func.AuthLevel.ANONYMOUS)
