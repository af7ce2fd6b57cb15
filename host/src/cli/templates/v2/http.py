import azure.functions as func

template_app = func.FunctionApp()


@template_app.function_name(name="template-name")
@template_app.route(route="template-name", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def template_def(req: func.HttpRequest) -> func.HttpResponse:
    name = req.params.get("name", "world")
    return func.HttpResponse(f"Hello, {name}!")
