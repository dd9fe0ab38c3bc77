"""Error pages: the customers' where a customer reads them, the desk's elsewhere. A page that says
what went wrong must not need the database, which may be what went wrong.
"""

from collections.abc import Callable
from math import ceil
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views import csrf, defaults

PORTAL = "/portal/"
TITLES = {
    400: gettext_lazy("Bad request"),
    403: gettext_lazy("Not allowed"),
    404: gettext_lazy("Page not found"),
    500: gettext_lazy("Something went wrong"),
}


def is_portal(request: HttpRequest) -> bool:
    return request.path.startswith(PORTAL)


def answered(status: int, desk: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """By a page of the portal's, or at the desk as Django does."""

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return page(request, status) if is_portal(request) else desk(request, *args, **kwargs)

    return answer


bad_request = answered(400, defaults.bad_request)
not_allowed = answered(403, defaults.permission_denied)
not_found = answered(404, defaults.page_not_found)
server_error = answered(500, defaults.server_error)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was open while its sender logged in or out."""
    if is_portal(request):
        return page(request, 403, title=gettext_lazy("Form out of date"), stale=True)
    return csrf.csrf_failure(request, reason)


def locked_out(request: HttpRequest, seconds: float) -> HttpResponse:
    """Too many tries of a name or from an address; more count from then on."""
    template = "portal/locked.html" if is_portal(request) else "theme/locked.html"
    context = {"minutes": ceil(seconds / 60)}
    response = render(request, template, context, status=429)
    response.headers["Retry-After"] = str(ceil(seconds))
    return response


def page(request: HttpRequest, status: int, **context: Any) -> HttpResponse:
    context = {"status": status, "title": TITLES[status], **context}
    return render(request, "portal/error.html", context, status=status)
