"""Who is behind a session, now: for all viewers at once, in a number of queries that does not grow
with them.

A viewer stays connected for hours. In that time a session ends, a user is switched off, a password
is changed or a right is taken away; so the same questions that a login answers are asked again.
"""

from collections.abc import Collection, Iterator
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import AbstractUser, Permission
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare

# Names in one IN (…): what every database takes.
BLOCK = 500


def people(keys: Collection[str]) -> dict[str, AbstractUser]:
    """The active user of each session that is still good, with permissions in memory."""
    found = {key: session for key, session in _sessions(keys) if SESSION_KEY in session}
    ids = {int(session[SESSION_KEY]) for session in found.values()}
    users = get_user_model()._default_manager.in_bulk(list(ids))
    hashes = {pk: user.get_session_auth_hash() for pk, user in users.items()}
    known: dict[str, AbstractUser] = {}
    for key, session in found.items():
        user = users.get(int(session[SESSION_KEY]))
        if user is not None and user.is_active:
            proof = session.get(HASH_SESSION_KEY, "")
            if constant_time_compare(proof, hashes[user.pk]):
                known[key] = user
    _load_permissions({user.pk: user for user in known.values()})
    return known


def _sessions(keys: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    names = list(keys)
    for start in range(0, len(names), BLOCK):
        good = Session.objects.filter(
            session_key__in=names[start : start + BLOCK], expire_date__gt=timezone.now()
        )
        for session in good:
            yield session.session_key, session.get_decoded()


def _load_permissions(users: dict[int, AbstractUser]) -> None:
    """Fill what has_perm() would ask for each user, where django.contrib.auth's ModelBackend keeps
    it; super administrators and customers are never asked."""
    staff = {pk: user for pk, user in users.items() if user.is_staff and not user.is_superuser}
    if not staff:
        return
    for cache, path in (("_user_perm_cache", "user"), ("_group_perm_cache", "group__user")):
        for user in staff.values():
            setattr(user, cache, set())
        for pk, name in _granted(Permission.objects.filter(**{f"{path}__in": staff}), path):
            getattr(staff[pk], cache).add(name)


def _granted(permissions: QuerySet[Permission], path: str) -> Iterator[tuple[int, str]]:
    fields = (f"{path}__pk", "content_type__app_label", "codename")
    for pk, label, codename in permissions.order_by().values_list(*fields):
        yield pk, f"{label}.{codename}"
