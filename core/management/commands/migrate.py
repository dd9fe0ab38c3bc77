"""manage.py migrate: Django's, which on PostgreSQL lets nobody wait for long.

A change of a table waits for whoever uses it, and everybody else waits behind it. So it waits a
moment only, lets them go and tries again; what has been migrated is not done twice.
"""

import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections

from core.db.outages import is_locked
from core.management.terminal import TerminalCommand

# A migration changes three tables at most (tests/migrating.py), each after such a wait.
LOCK_MS = 300
TRIES = 300
PAUSE_SECONDS = 1.0


class Command(TerminalCommand, migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {LOCK_MS}")
        try:
            for _try in range(TRIES):
                try:
                    super().handle(*args, **options)
                    return
                except OperationalError as error:
                    if not is_locked(error):
                        raise
                self.stdout.write("A table is in use; trying again.")
                self.stdout.flush()
                time.sleep(PAUSE_SECONDS)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
        raise CommandError("A table was in use all the time: is there a transaction that hangs?")
