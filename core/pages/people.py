"""Who asks for a page, and where they go on after a login or a change of language."""

from urllib.parse import urlsplit, urlunsplit

from django.core.exceptions import DisallowedHost, PermissionDenied
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from core.models import User


def user_of(request: HttpRequest) -> User:
    """Raises PermissionDenied if nobody is logged in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def page_to_go_on_at(request: HttpRequest, home: str = "") -> str:
    """The requested page. After a POST, the page that it came from, or `home` if that is unknown:
    many addresses that take a POST are no page."""
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
