"""Sessions that a former SECRET_KEY signed are signed anew where they are met.

Django gives each of them another name as well. Then other pages of the same browser, open ones and
those that were asked for a moment ago, have a session that is none any more, and sign people out.
"""

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model, middleware
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject


class AuthenticationMiddleware(middleware.AuthenticationMiddleware):
    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: find_user(request))  # type: ignore[assignment]


def find_user(request: HttpRequest) -> object:
    if settings.SECRET_KEY_FALLBACKS:
        sign_anew(request.session)
    return middleware.get_user(request)


def sign_anew(session: SessionBase) -> None:
    """A session of the newest key, of nobody's and of nobody stays as it is."""
    pk, given = session.get(SESSION_KEY, ""), session.get(HASH_SESSION_KEY, "")
    user = get_user_model().objects.filter(pk=pk).first() if pk and given else None
    if user is None:
        return
    newest, former = user.get_session_auth_hash(), user.get_session_auth_fallback_hash()
    if given != newest and any(constant_time_compare(given, one) for one in former):
        session[HASH_SESSION_KEY] = newest
