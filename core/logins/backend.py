"""Counts each try to log in. It stands before Django's own backend in AUTHENTICATION_BACKENDS,
which checks the password."""

from typing import Any

from django.http import HttpRequest

from core.logins import attempts


class CountingBackend:
    """Lets nobody in and knows no user, so no session belongs to it. authenticate() raises
    TooManyLoginsError: a form that swallowed it would say that the password is wrong."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        name = credentials.get("username")
        if name is not None and "password" in credentials:
            attempts.take(request, name)
