"""What can be watched: the sources that pages register, and who may see what."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, ClassVar

from django.db import DatabaseError, InterfaceError
from django.db.models import Case, QuerySet

from core.db.keys import key_of
from core.db.sessions import SessionUser
from core.permissions import Right, may

logger = logging.getLogger(__name__)


class Audience(StrEnum):
    """For whom a subject is rendered."""

    STAFF = "staff"
    CUSTOMER = "customer"


# Who asks for which keys. may() costs no query: permissions are in memory.
Asked = Sequence[tuple[SessionUser, str]]
# By user and key, for which audience; those missing may not see it.
Authorized = dict[tuple[int, str], Audience]


class Source(ABC):
    """One kind of subject. The package's docstring is the contract."""

    prefix: ClassVar[str]

    @abstractmethod
    def authorize(self, asked: Asked) -> Authorized: ...

    def versions(self, keys: Sequence[str]) -> Mapping[str, Hashable | dict[str, Any]]:
        return self.load(keys)

    @abstractmethod
    def load(self, keys: Sequence[str]) -> Mapping[str, Any]: ...

    def retain(self, keys: set[str]) -> None:  # noqa: B027
        """Forget all other keys."""

    @abstractmethod
    def render(self, loaded: Any, audience: Audience) -> dict[str, Any]: ...


class StaffSource(Source):
    """For staff with `right`. `keys`: the valid keys; None: any."""

    right: ClassVar[Right]
    keys: ClassVar[frozenset[str] | None] = frozenset({""})

    def authorize(self, asked: Asked) -> Authorized:
        return {
            (user.pk, key): Audience.STAFF
            for user, key in asked
            if (self.keys is None or key in self.keys) and self.is_for(user)
        }

    def is_for(self, user: SessionUser) -> bool:
        return may(user, self.right)


@contextmanager
def logged(source: Source) -> Iterator[None]:
    """Log a source's errors so that others go on. Raises DatabaseError and InterfaceError."""
    try:
        yield
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        logger.exception("the source %r failed", source.prefix)


_sources: dict[str, Source] = {}


def register(source: Source) -> None:
    if source.prefix in _sources:
        raise ValueError(f"two sources are called {source.prefix!r}")
    _sources[source.prefix] = source


def registered_sources() -> Mapping[str, Source]:
    return _sources


def ids_of(keys: Iterable[str]) -> list[int]:
    return [int(key) for key in keys if is_id(key)]


def authorized(asked: Asked, rows: QuerySet[Any], owner: Case, right: Right) -> Authorized:
    """For keys that are ids of `rows`: staff with `right` see all, customers their own. `owner`:
    the owning user, or nobody if the customer is inactive, who then sees nothing more, even in an
    open page."""
    meant = rows.filter(pk__in=ids_of({key for _, key in asked})).order_by()
    owners = dict(meant.values_list("pk", owner))
    found: Authorized = {}
    for user, key in asked:
        if not is_id(key) or int(key) not in owners:
            continue
        if may(user, right):
            found[user.pk, key] = Audience.STAFF
        elif owners[int(key)] == user.pk:
            found[user.pk, key] = Audience.CUSTOMER
    return found


def is_id(key: str) -> bool:
    return (found := key_of(key)) is not None and str(found) == key
