from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.urls import reverse
from django.views import View
from django.views.decorators.http import require_GET, require_POST

BOOKS = {1: "Pippi Långstrump", 2: "Momo"}


class Books(View):
    def get(self, request: HttpRequest) -> JsonResponse:
        found = [title for title in BOOKS.values() if request.GET.get("q", "").lower() in title.lower()]
        return JsonResponse({"books": found})

    def post(self, request: HttpRequest) -> HttpResponse:
        number = len(BOOKS) + 1
        BOOKS[number] = json.loads(request.body)["title"]
        return HttpResponse(status=201, headers={"Location": reverse("books:show", args=[number])})


@require_GET
def show(request: HttpRequest, number: int) -> JsonResponse:
    if number not in BOOKS:
        raise Http404
    return JsonResponse({"number": number, "title": BOOKS[number]})


@require_POST
def lend(request: HttpRequest, number: int) -> JsonResponse:
    lent = request.session.get("lent", [])
    request.session["lent"] = [*lent, number]
    response = JsonResponse({"lent": request.session["lent"]})
    response.set_cookie("last", str(number), max_age=60)
    return response


@require_GET
def token(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"token": get_token(request)})


@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    def rows() -> Iterator[str]:
        for number, title in BOOKS.items():
            yield f"{number};{title}\n"

    return StreamingHttpResponse(rows(), content_type="text/csv; charset=utf-8")


async def about(request: HttpRequest) -> JsonResponse:
    await asyncio.sleep(0)
    return JsonResponse(
        {
            "command": settings.COMMAND,
            "testing": settings.TESTING,
            "url": request.build_absolute_uri(),
            "language": request.headers.get("Accept-Language"),
            "function": request.META["azure_functions.function_name"],
        }
    )


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("this view is broken")
