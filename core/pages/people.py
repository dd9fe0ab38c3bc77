"""Who asks for a page."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from core.models import User


def user_of(request: HttpRequest) -> User:
    """Raises PermissionDenied where nobody is logged in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
