import azure.functions as func

health = func.Blueprint()


@health.route(auth_level=func.AuthLevel.ANONYMOUS)
def healthz(req: func.HttpRequest) -> str:
    return "ok"
