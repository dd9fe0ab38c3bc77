"""Counts each try to log in before Django's own backend, which stands behind it in
AUTHENTICATION_BACKENDS, looks at the password."""

from typing import Any

from django.http import HttpRequest

from core.logins import attempts


class CountingBackend:
    """Lets nobody in and knows no user, so that no session is taken for its own. Raises
    TooManyLoginsError out of authenticate(): a form that swallowed it would say that the password
    is wrong."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        name = credentials.get("username")
        if name is not None and "password" in credentials:
            attempts.take(request, name)
