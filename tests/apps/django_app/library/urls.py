from django.http import HttpRequest, JsonResponse
from django.urls import include, path

urlpatterns = [path("books/", include("books.urls"))]


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return JsonResponse({"error": f"there is no {request.path}"}, status=404)


def server_error(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"error": "the library has a problem"}, status=500)


handler404 = not_found
handler500 = server_error
