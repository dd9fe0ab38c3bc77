"""Sessions that a former SECRET_KEY signed are signed anew where they are met, before Django does.

It gives each of them another name as well. Then other pages of the same browser, open ones and
those that were asked for a moment ago, have a session that is none any more, and sign people out.
"""

from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.db.outages import DATABASE_ERRORS
from core.db.sessions import sign_anew

View = Callable[[HttpRequest], HttpResponse]


def sign_session_anew(get_response: View) -> View:
    """Stands after the sessions' middleware and before that of logins."""

    def answer(request: HttpRequest) -> HttpResponse:
        if settings.SECRET_KEY_FALLBACKS and settings.SESSION_COOKIE_NAME in request.COOKIES:
            with suppress(*DATABASE_ERRORS):  # the view meets what is wrong, and says it
                sign_anew(request.session)
        return get_response(request)

    return answer
