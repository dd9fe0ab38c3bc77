"""Values as an export's text, written by the database: an export's time goes into a Python object
for each cell. SQLite and PostgreSQL give the same text, down to the last zero.

Each class takes a column's path: `Escaped("customer__username")`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    DateTimeField,
    DecimalField,
    Func,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast
from django.utils import timezone

from core.db.formulas import FORMULA_STARTS

FORMULAS = ", ".join(str(ord(sign)) for sign in FORMULA_STARTS)
LOCAL_TIME = "office_local_time"


class Escaped(Func):
    """Text, with an apostrophe before what a spreadsheet would run."""

    output_field = TextField()
    template = (
        f"CASE WHEN %(first_sign)s(ltrim(%(expressions)s, '''')) IN ({FORMULAS}) "
        "THEN '''' || %(expressions)s ELSE NULLIF(%(expressions)s, '') END"
    )

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **context: Any) -> Any:
        return super().as_sql(compiler, connection, first_sign="ascii", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(compiler, connection, first_sign="unicode", **context)


class LocalTime(Func):
    """A moment on the office's clock, to the second."""

    output_field = TextField()
    template = "left((%(expressions)s AT TIME ZONE '%(zone)s')::text, 19)"

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **context: Any) -> Any:
        zone = timezone.get_current_timezone_name()
        return super().as_sql(compiler, connection, zone=zone, **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        is_utc = timezone.get_current_timezone_name() == "UTC"
        template = "substr(%(expressions)s, 1, 19)" if is_utc else f"{LOCAL_TIME}(%(expressions)s)"
        return super().as_sql(compiler, connection, template=template, **context)


class Plain(Func):
    """A number, a decimal with all its places, yes and no as 1 and 0."""

    output_field = TextField()
    template = "%(expressions)s"

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **context: Any) -> Any:
        field = self.get_source_expressions()[0].output_field
        if isinstance(field, BooleanField):
            context["template"] = "CASE WHEN %(expressions)s THEN 1 ELSE 0 END"
        return super().as_sql(compiler, connection, **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        field = self.get_source_expressions()[0].output_field
        if isinstance(field, DecimalField):
            places = f"printf('%%.{field.decimal_places}f', %(expressions)s)"
            context["template"] = f"CASE WHEN %(expressions)s IS NOT NULL THEN {places} END"
        return self.as_sql(compiler, connection, **context)


def labelled(choices: Mapping[Any, Any]) -> Callable[[str], Case]:
    """The words of a field with choices, which need no escaping. An unknown value, from a later
    release, stays as it is."""

    def label(path: str) -> Case:
        whens = [When(**{path: value}, then=Value(str(word))) for value, word in choices.items()]
        return Case(*whens, default=Cast(path, CharField()), output_field=CharField())

    return label


def text_of(field: Any) -> Callable[[str], Any]:
    if isinstance(field, DateTimeField):
        return LocalTime
    return Escaped if isinstance(field, CharField | TextField) else Plain


def prepare(connection: Any) -> None:
    """Give SQLite our time zone. Each minute that occurs is looked up once, not each row."""
    if connection.vendor != "sqlite":
        return
    zone = timezone.get_current_timezone()

    @lru_cache(100_000)
    def local_minute(text: str) -> str:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return moment.astimezone(zone).isoformat(" ", "minutes")[:16]

    def local(text: str | None) -> str | None:
        return local_minute(text[:16]) + text[16:19] if text else None

    with connection.cursor() as cursor:
        # The driver's own connection.
        cursor.connection.create_function(LOCAL_TIME, 1, local, deterministic=True)
