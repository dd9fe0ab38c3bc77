"""Error pages for customers and for the desk. They make no query: the database may have failed."""

from collections.abc import Callable
from math import ceil
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy

PORTAL = "/portal/"
BUTTON = gettext_lazy(
    "This address only accepts what a button sends. If you have just logged in "
    "again, go to the page and press the button once more."
)
# By status: the title, and the texts for the desk and for the portal.
TOLD: dict[int, tuple[Any, Any, Any]] = {
    400: (
        gettext_lazy("Bad request"),
        gettext_lazy("The office could not make sense of this request. Check the address."),
        gettext_lazy("We could not make sense of this request. Check the address."),
    ),
    403: (
        gettext_lazy("Not allowed"),
        gettext_lazy("Your account may not do this. Ask a super administrator for permission."),
        gettext_lazy("Your account may not do this."),
    ),
    404: (
        gettext_lazy("Page not found"),
        gettext_lazy(
            "There is nothing at this address. The link may be old, or the page may have "
            "been removed."
        ),
        gettext_lazy("There is nothing at this address, or it is not yours. Nothing was changed."),
    ),
    405: (gettext_lazy("Nothing was done"), BUTTON, BUTTON),
    500: (
        gettext_lazy("Something went wrong"),
        gettext_lazy(
            "The office could not answer. The error is in its log; try again in a minute."
        ),
        gettext_lazy(
            "That was our fault. Try again in a minute; a form that is sent twice is saved once."
        ),
    ),
}


def is_portal(request: HttpRequest) -> bool:
    return request.path.startswith(PORTAL)


def page(request: HttpRequest, status: int, **said: Any) -> HttpResponse:
    title, at_desk, on_portal = TOLD[status]
    template, text = "theme/error.html", at_desk
    if is_portal(request):
        template, text = "portal/error.html", on_portal
    return render(request, template, {"title": title, "text": text, **said}, status=status)


def answered(status: int) -> Callable[..., HttpResponse]:
    def answer(request: HttpRequest, *_error: Any, **_named: Any) -> HttpResponse:
        return page(request, status)

    return answer


bad_request = answered(400)
not_allowed = answered(403)
not_found = answered(404)
server_error = answered(500)


def not_a_page(request: HttpRequest, allowed: str) -> HttpResponse:
    """For an address that only takes forms: a history or a login can lead there without one."""
    response = page(request, 405)
    response.headers["Allow"] = allowed
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was open while its sender logged in or out."""
    text = gettext_lazy(
        "You logged in or out since this form was opened. Go back, reload the page and send it "
        "again."
    )
    return page(request, 403, title=gettext_lazy("Form out of date"), text=text)


def locked_out(request: HttpRequest, seconds: float) -> HttpResponse:
    """Too many tries for a name or from an address; further ones still count."""
    template = "portal/locked.html" if is_portal(request) else "theme/locked.html"
    response = render(request, template, {"minutes": ceil(seconds / 60)}, status=429)
    response.headers["Retry-After"] = str(ceil(seconds))
    return response
