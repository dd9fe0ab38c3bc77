"""Who asks for a page, and where they go on once they have logged in, or in another language."""

from urllib.parse import urlsplit, urlunsplit

from django.core.exceptions import DisallowedHost, PermissionDenied
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from core.models import User


def user_of(request: HttpRequest) -> User:
    """Raises PermissionDenied where nobody is logged in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def page_to_go_on_at(request: HttpRequest, home: str = "") -> str:
    """The page that was asked for; of what was sent, the page that it was sent from, or `home`
    where nothing says which: many an address that takes a button's press is no page."""
    if request.method != "POST":
        return request.get_full_path()
    came_from = request.headers.get("Referer", "")
    if not is_ours(request, came_from):
        return home or request.get_full_path()
    there = urlsplit(came_from)
    return urlunsplit(("", "", there.path, there.query, ""))


def is_ours(request: HttpRequest, address: str) -> bool:
    try:
        return url_has_allowed_host_and_scheme(address, {request.get_host()})
    except DisallowedHost:  # that page says so
        return False
