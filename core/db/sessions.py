"""Who is behind a session, now: for all viewers at once, in a number of queries that does not grow
with them.

A viewer stays connected for hours. In that time a session ends, a user is switched off, a password
is changed or a right is taken away; so the same questions that a login answers are asked again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.utils import timezone

# Names in one IN (…): what every database takes.
BLOCK = 500


@dataclass(frozen=True, slots=True)
class SessionUser:
    """An active user as of now, with the permissions ("app.codename") in memory: has_perm() answers
    as Django's does, without a query."""

    pk: int
    is_staff: bool
    is_superuser: bool
    permissions: frozenset[str]

    @property
    def is_active(self) -> bool:
        return True

    def has_perm(self, permission: str) -> bool:
        return self.is_superuser or permission in self.permissions


def find_users(keys: Collection[str]) -> dict[str, SessionUser]:
    """The active user of each session that is still good."""
    sessions = {key: session for key, session in _sessions(keys) if SESSION_KEY in session}
    ids = {int(session[SESSION_KEY]) for session in sessions.values()}
    users = get_user_model().objects.in_bulk(list(ids))
    hashes = {pk: user.get_session_auth_hash() for pk, user in users.items()}
    good: dict[str, Any] = {}
    for key, session in sessions.items():
        user = users.get(int(session[SESSION_KEY]))
        if user is not None and user.is_active:
            given = session.get(HASH_SESSION_KEY, "")
            if compare_digest(given, hashes[user.pk]):
                good[key] = user
    permissions = _permissions_of(good.values())
    return {
        key: SessionUser(user.pk, user.is_staff, user.is_superuser, permissions[user.pk])
        for key, user in good.items()
    }


def _sessions(keys: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    names = list(keys)
    for start in range(0, len(names), BLOCK):
        good = Session.objects.filter(
            session_key__in=names[start : start + BLOCK], expire_date__gt=timezone.now()
        )
        for session in good:
            yield session.session_key, session.get_decoded()


def _permissions_of(users: Collection[Any]) -> Mapping[int, frozenset[str]]:
    """By user. Super administrators have all, and customers none that anybody asks for: they are
    not looked up."""
    staff = {user.pk for user in users if user.is_staff and not user.is_superuser}
    found: dict[int, set[str]] = defaultdict(set)
    for path in ("user", "group__user") if staff else ():
        granted = Permission.objects.filter(**{f"{path}__in": staff}).order_by()
        fields = (f"{path}__pk", "content_type__app_label", "codename")
        for pk, label, codename in granted.values_list(*fields):
            found[pk].add(f"{label}.{codename}")
    return {user.pk: frozenset(found[user.pk]) for user in users}
