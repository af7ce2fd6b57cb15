import azure.functions as func

from template_module import template_def


def test_template_def() -> None:
    function = template_def.build().get_user_function()
    request = func.HttpRequest("GET", "/api/template-name", params={"name": "Ada"}, body=b"")
    response = function(request)
    assert response.status_code == 200
    assert response.get_body() == b"Hello, Ada!"
