import azure.functions as func

health = func.Blueprint()


@health.route(route="health", methods=[func.HttpMethod.GET])
def is_healthy(req):
    return "fine"
