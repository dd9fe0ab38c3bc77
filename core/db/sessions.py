"""Who is behind each session now, for all viewers at once in a fixed number of queries. They stay
connected for hours; meanwhile sessions end, users become inactive, passwords change and rights are
withdrawn."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hmac import compare_digest
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import Permission
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from core.db.blocks import in_blocks
from core.permissions import needs_two_steps

# For one IN (…), on any database.
BLOCK = 500


@dataclass(frozen=True, slots=True)
class SessionUser:
    """An active user with permissions ("app.codename") in memory: has_perm() needs no query."""

    pk: int
    is_staff: bool
    is_superuser: bool
    permissions: frozenset[str]
    is_active: bool = True

    def has_perm(self, permission: str) -> bool:
        return self.is_superuser or permission in self.permissions


def find_users(keys: Collection[str]) -> dict[str, SessionUser]:
    """The active user of each valid session."""
    logins = dict(_logins(keys))
    users = get_user_model().objects.in_bulk(list({pk for pk, _given in logins.values()}))
    hashes = {
        # The fallback hashes belong to former secret keys.
        pk: [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
        for pk, user in users.items()
    }
    good: dict[str, Any] = {}
    for key, (pk, given) in logins.items():
        user = users.get(pk)
        known = hashes[pk] if user is not None and user.is_active else []
        if any(compare_digest(given, one) for one in known):
            good[key] = user
    lacking = without_second_step(good.values())
    permissions = _permissions_of(good.values())
    return {
        key: SessionUser(user.pk, user.is_staff, user.is_superuser, permissions[user.pk])
        for key, user in good.items()
        if user.pk not in lacking
    }


def end_sessions(user_pk: int, *, but: str | None) -> None:
    """Log this user out elsewhere. Only a session's text says whose it is, so all are read."""
    good = Session.objects.filter(expire_date__gt=timezone.now())
    rows = good.values_list("session_key", "session_data").iterator(chunk_size=BLOCK)
    keys = [key for key, data in rows if (login := _login_in(data)) and login[0] == user_pk]
    for some in in_blocks(keys, BLOCK):
        Session.objects.filter(session_key__in=some).exclude(session_key=but).delete()


def sign_anew(session: SessionBase) -> None:
    """Sign a session with the present key if a former one signed it."""
    pk, given = session.get(SESSION_KEY, ""), session.get(HASH_SESSION_KEY, "")
    user = get_user_model().objects.filter(pk=pk).first() if pk and given else None
    if user is None:
        return
    present, former = user.get_session_auth_hash(), user.get_session_auth_fallback_hash()
    if given != present and any(compare_digest(given, one) for one in former):
        session[HASH_SESSION_KEY] = present


def without_second_step(users: Collection[Any]) -> set[int]:
    """Who of these must turn on two-step login before anything else."""
    asked = {user.pk for user in users if needs_two_steps(user)}
    if not asked or not settings.REQUIRE_TWO_STEP:
        return set()
    devices = TOTPDevice.objects.filter(user__in=asked, confirmed=True)
    return asked - set(devices.values_list("user_id", flat=True))


def _logins(keys: Collection[str]) -> Iterator[tuple[str, tuple[int, str]]]:
    for some in in_blocks(keys, BLOCK):
        good = Session.objects.filter(session_key__in=some, expire_date__gt=timezone.now())
        for key, data in good.values_list("session_key", "session_data"):
            if login := _known_login_in(data):
                yield key, login


def _login_in(data: str) -> tuple[int, str] | None:
    """The user and hash in a stored session; None if nobody is logged in."""
    store: Any = Session.get_session_store_class()
    session: dict[str, Any] = store().decode(data)
    if SESSION_KEY not in session:
        return None
    return int(session[SESSION_KEY]), session.get(HASH_SESSION_KEY, "")


# Viewers are checked every few seconds and sessions seldom change: checking each signature each
# time took most of the cost of two thousand idle pages.
_known_login_in = lru_cache(maxsize=10_000)(_login_in)


def _permissions_of(users: Collection[Any]) -> Mapping[int, frozenset[str]]:
    """By user. Not read for super administrators, who have all, and customers, who need none."""
    staff = {user.pk for user in users if user.is_staff and not user.is_superuser}
    found: dict[int, set[str]] = defaultdict(set)
    for path in ("user", "group__user") if staff else ():
        granted = Permission.objects.filter(**{f"{path}__in": staff}).order_by()
        fields = (f"{path}__pk", "content_type__app_label", "codename")
        for pk, label, codename in granted.values_list(*fields):
            found[pk].add(f"{label}.{codename}")
    return {user.pk: frozenset(found[user.pk]) for user in users}
