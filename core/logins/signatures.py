"""Signs sessions again that a former SECRET_KEY signed, before Django does.

Django would also rename the session: other pages of the same browser would lose it and be signed
out.
"""

from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.db.outages import DATABASE_ERRORS
from core.db.sessions import sign_anew

View = Callable[[HttpRequest], HttpResponse]


def sign_session_anew(get_response: View) -> View:
    """Goes between the sessions' middleware and that of logins."""

    def answer(request: HttpRequest) -> HttpResponse:
        if settings.SECRET_KEY_FALLBACKS and settings.SESSION_COOKIE_NAME in request.COOKIES:
            with suppress(*DATABASE_ERRORS):  # the view meets the same error and answers
                sign_anew(request.session)
        return get_response(request)

    return answer
