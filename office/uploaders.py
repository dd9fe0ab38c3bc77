"""Only staff upload files, so only they may send more than a form: others could fill the disk while
they hold the line."""

from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from django.http.cookie import parse_cookie

from core.db.outages import DATABASE_ERRORS
from core.db.sessions import find_users
from core.live.transports.requests import session_key


async def is_staff(scope: Any) -> bool:
    cookies = dict(scope["headers"]).get(b"cookie", b"").decode("latin-1")
    key = session_key({"cookies": parse_cookie(cookies)})
    return bool(key) and await sync_to_async(_is_of_staff, thread_sensitive=False)(key)


def _is_of_staff(key: str) -> bool:
    try:
        return any(user.is_staff for user in find_users([key]).values())
    except DATABASE_ERRORS:
        return False
    finally:
        connection.close()
