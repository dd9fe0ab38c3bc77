"""Who asks: every page begins with a session and its user, so both are read by statements that are
built once a process. All else of them is Django's own.
"""

from datetime import datetime
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from core.db import statements
from core.models import User


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Session | None:
        now = timezone.now()
        session = statements.first(_alive, session_key=self.session_key, now=now)
        if session is None:
            # As Django's: nobody chooses the key of a session that does not exist.
            self._session_key = None
        return session


class UserBackend(ModelBackend):
    def get_user(self, user_id: int) -> User | None:
        user = statements.first(User.objects.filter, pk=user_id)
        return user if self.user_can_authenticate(user) else None


def _alive(session_key: Any, now: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=session_key, expire_date__gt=now)
