import json
import sys

import azure.functions as func

sys.path.append("..")
from row_asyncpg import random_row

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="test", methods=["GET"])
async def test(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(await random_row()), mimetype="application/json")
