import azure.functions as func

from template_module import main


def test_template_def() -> None:
    request = func.HttpRequest("GET", "/api/template-name", params={"name": "Ada"}, body=b"")
    response = main(request)
    assert response.status_code == 200
    assert response.get_body() == b"Hello, Ada!"
