"""The database's clock in tests that travel in time."""

from typing import Any

import pytest
from django.db import connection, models
from django.db.models import Value
from django.db.models.functions import Now
from django.utils import timezone

from core.db import clock


def let_the_database_travel(patches: pytest.MonkeyPatch) -> None:
    """From now on what this process writes bears time_machine's time, though the database's clock
    has another."""

    def travelled(_now: Now, compiler: Any, _connection: Any, **_context: Any) -> Any:
        return compiler.compile(Value(timezone.now(), output_field=models.DateTimeField()))

    for kind in (Now, clock.Moment):
        for dialect in ("as_sql", "as_sqlite", "as_postgresql"):
            patches.setattr(kind, dialect, travelled)
    patches.setattr(connection.features, "supports_default_keyword_in_insert", False)
    patches.setattr(clock, "now", timezone.now)
