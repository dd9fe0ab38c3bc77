"""manage.py migrate: Django's, but on PostgreSQL nobody waits long for it.

A change of a table waits for everybody who uses it, and all others wait behind it. So it waits only
a moment, lets them go and tries again; finished migrations are not repeated.
"""

import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections

from core.db import poolers
from core.db.alone import alone
from core.db.outages import is_locked
from core.db.patience import lock_timeout
from core.management.terminal import TerminalCommand

# A migration changes at most three tables (tests/migrating.py), with such a wait for each.
LOCK_MS = 300
TRIES = 300
PAUSE_SECONDS = 1.0


class Command(TerminalCommand, migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if poolers.lends_sessions(connection):
            raise CommandError(poolers.REFUSED)
        told = "Another migrate is at work; waiting for its end."
        with alone(connection, lambda: self.tell(told)):
            if connection.vendor == "postgresql":
                self.refuse_encoding(connection)
                self.migrate_patiently(connection, *args, **options)
            else:
                super().handle(*args, **options)

    def migrate_patiently(self, connection: Any, *args: Any, **options: Any) -> None:
        with lock_timeout(connection, LOCK_MS):
            for _try in range(TRIES):
                try:
                    super().handle(*args, **options)
                    return
                except OperationalError as error:
                    if not is_locked(error):
                        raise
                self.tell("A table is in use; trying again.")
                time.sleep(PAUSE_SECONDS)
        raise CommandError("A table was in use all the time: is there a transaction that hangs?")

    def refuse_encoding(self, connection: Any) -> None:
        """Only for an empty database: an existing office keeps its encoding."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_encoding'), to_regclass('django_migrations')"
            )
            encoding, table = cursor.fetchone()
        if encoding != "UTF8" and table is None:
            raise CommandError(
                f"The database keeps texts as {encoding}, which has no place for all names: make "
                "one by CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
            )
