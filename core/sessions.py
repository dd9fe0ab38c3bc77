"""Sessions in the database, as Django's own; every page begins by reading one, so that its
statement is built once a process.
"""

from datetime import datetime
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from core.models import statements


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Session | None:
        now = timezone.now()
        session = statements.first(_alive, session_key=self.session_key, now=now)
        if session is None:
            # As Django's: nobody chooses the key of a session that does not exist.
            self._session_key = None
        return session


def _alive(session_key: Any, now: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=session_key, expire_date__gt=now)
